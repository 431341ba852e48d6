//! Comparison of texts of which parts are random, timed or without an order.
//!
//! Each program ran several times. A line that was always the same in helm must be that line in ours. Within a line that
//! varied, so must each word that did not; a word that varied must vary in ours as well, in the same way: hexadecimal
//! digits for hexadecimal digits, as many characters if they are few. A PEM block is one line; base64 of text is compared
//! as that text. Lines or words that helm only orders differently each time (Go's maps have no order) may have any order,
//! and a word of ours is right if it ever was helm's.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// The first place where two texts differ.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Difference {
    /// Which text.
    pub(crate) of: &'static str,
    /// Counted from 1; 0 for the whole.
    pub(crate) line: usize,
    pub(crate) helm: String,
    pub(crate) ours: String,
}

impl Difference {
    fn at(line: usize, helm: Option<&str>, ours: Option<&str>) -> Self {
        let text = |line: Option<&str>| line.unwrap_or("(the text ends here)").to_owned();
        Difference { of: "", line, helm: text(helm), ours: text(ours) }
    }
}

/// Words longer than this may vary in length: keys, signatures, and texts that hold them.
const SHORT: usize = 64;

const PEM_BEGIN: &str = "-----BEGIN ";
const PEM_END: &str = "-----END ";

/// Where the samples of ours are not what those of helm allow.
pub(crate) fn difference(helm: &[String], ours: &[String]) -> Option<Difference> {
    if ours.iter().all(|text| helm.contains(text)) {
        return None;
    }
    let helm: Vec<Vec<&str>> = helm.iter().map(|text| lines(text)).collect();
    let ours: Vec<Vec<&str>> = ours.iter().map(|text| lines(text)).collect();
    let same_count = |samples: &[Vec<&str>]| samples.windows(2).all(|pair| pair[0].len() == pair[1].len());
    if !same_count(&helm) || !same_count(&ours) || helm[0].len() != ours[0].len() {
        return first_difference(&helm, &ours);
    }
    let mut start = 0;
    while start < helm[0].len() {
        let end = (start + 1..helm[0].len()).find(|&line| helm[0][line] == "---").unwrap_or(helm[0].len());
        let part = |samples: &[Vec<&'_ str>]| -> Vec<Vec<String>> {
            samples
                .iter()
                .map(|lines| lines[start..end].iter().map(|line| (*line).to_owned()).collect())
                .collect()
        };
        let (helm, ours) = (part(&helm), part(&ours));
        let found = (0..end - start).find(|&line| {
            let at = |samples: &[Vec<String>]| -> Vec<String> {
                samples.iter().map(|lines| lines[line].clone()).collect()
            };
            !line_fits(&at(&helm), &at(&ours))
        });
        if let Some(line) = found
            && !is_reordered(&helm, &ours)
        {
            return Some(Difference::at(start + line + 1, Some(&helm[0][line]), Some(&ours[0][line])));
        }
        start = end;
    }
    None
}

/// The first line that is constant in both and differs; else the first that differs at all.
fn first_difference(helm: &[Vec<&str>], ours: &[Vec<&str>]) -> Option<Difference> {
    let (helm_lines, our_lines) = (&helm[0], &ours[0]);
    let count = helm_lines.len().max(our_lines.len());
    let differs = |&line: &usize| helm_lines.get(line) != our_lines.get(line);
    let constant = |samples: &[Vec<&str>], line: usize| {
        samples.iter().all(|lines| lines.get(line) == samples[0].get(line))
    };
    let both = |&line: &usize| differs(&line) && constant(helm, line) && constant(ours, line);
    let line = (0..count).find(both).or_else(|| (0..count).find(differs))?;
    Some(Difference::at(line + 1, helm_lines.get(line).copied(), our_lines.get(line).copied()))
}

/// The lines of a text, a PEM block being one.
fn lines(text: &str) -> Vec<&str> {
    let mut lines = Vec::new();
    let (mut start, mut position) = (0, 0);
    let mut in_block = false;
    for line in text.split_inclusive('\n') {
        position += line.len();
        let content = line.trim();
        in_block = (in_block || (content.starts_with(PEM_BEGIN) && content.ends_with("-----")))
            && !content.contains(PEM_END);
        if !in_block {
            lines.push(text[start..position].strip_suffix('\n').unwrap_or(&text[start..position]));
            start = position;
        }
    }
    lines.extend(Some(&text[start..]).filter(|rest| !rest.is_empty()));
    lines
}

fn all_equal(texts: &[String]) -> bool {
    texts.windows(2).all(|pair| pair[0] == pair[1])
}

/// Whether helm's samples are one text's lines in several orders, and ours are these lines too.
fn is_reordered(helm: &[Vec<String>], ours: &[Vec<String>]) -> bool {
    let sorted = |lines: &Vec<String>| {
        let mut lines = lines.clone();
        lines.sort_unstable();
        lines
    };
    let first = sorted(&helm[0]);
    helm.windows(2).any(|pair| pair[0] != pair[1])
        && helm.iter().chain(ours).all(|lines| sorted(lines) == first)
}

fn line_fits(helm: &[String], ours: &[String]) -> bool {
    if all_equal(helm) {
        return all_equal(ours) && ours.first() == helm.first();
    }
    if let Some(heads) = pem_heads(helm) {
        return pem_heads(ours).as_ref() == Some(&heads) && !all_equal(ours);
    }
    let helm: Vec<Vec<String>> = helm.iter().map(|line| words(line)).collect();
    let ours: Vec<Vec<String>> = ours.iter().map(|line| words(line)).collect();
    let count = helm[0].len();
    if helm.iter().chain(&ours).all(|words| words.len() == count) {
        let at = |samples: &[Vec<String>], word: usize| -> Vec<String> {
            samples.iter().map(|words| words[word].clone()).collect()
        };
        return (0..count).all(|word| word_fits(&at(&helm, word), &at(&ours, word)))
            || is_reordered(&helm, &ours);
    }
    // Punctuation is random as well: what stands before it and after it must be the same.
    let shared = |samples: &[Vec<String>], backwards: bool| -> Vec<String> {
        let shortest = samples.iter().map(Vec::len).min().unwrap_or_default();
        let at = |words: &Vec<String>, word: usize| {
            words[if backwards { words.len() - 1 - word } else { word }].clone()
        };
        let same = |&word: &usize| samples.iter().all(|words| at(words, word) == at(&samples[0], word));
        (0..shortest).take_while(same).map(|word| at(&samples[0], word)).collect()
    };
    let differ = ours.windows(2).any(|pair| pair[0] != pair[1]);
    let around = |backwards| {
        let (helm, ours) = (shared(&helm, backwards), shared(&ours, backwards));
        // By chance the random part may begin or end alike.
        let common = helm.iter().zip(&ours).take_while(|(helm, ours)| helm == ours).count();
        common + 1 >= helm.len().min(ours.len())
    };
    differ && around(false) && around(true)
}

/// Of PEM blocks: the line before the first line break, and how far they are indented.
fn pem_heads(samples: &[String]) -> Option<String> {
    let head = |text: &String| text.split_once('\n').map(|(head, _)| head.to_owned());
    let heads: Option<Vec<String>> = samples.iter().map(head).collect();
    heads.filter(|heads| all_equal(heads) && heads[0].contains(PEM_BEGIN)).map(|heads| heads[0].clone())
}

fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || "+/=_$.-".contains(c)
}

/// A line as words, PEM blocks with escaped line breaks, and what stands between them.
fn words(line: &str) -> Vec<String> {
    if let Some((before, block, after)) = inline_pem(line) {
        return [words(before), vec![block.to_owned()], words(after)].concat();
    }
    let mut words: Vec<String> = Vec::new();
    let mut last = None;
    for c in line.chars() {
        let kind = is_word(c);
        match words.last_mut() {
            Some(word) if kind && last == Some(kind) => word.push(c),
            _ => words.push(c.into()),
        }
        last = Some(kind);
    }
    words
}

/// The first PEM block of a line, with what stands before and after it.
fn inline_pem(line: &str) -> Option<(&str, &str, &str)> {
    let start = line.find(PEM_BEGIN)?;
    let last = start + line[start..].find(PEM_END)? + PEM_END.len();
    let end = last + line[last..].find("-----")? + "-----".len();
    Some((&line[..start], &line[start..end], &line[end..]))
}

/// The first words of PEM blocks, if they all are of one kind.
fn pem_kind(samples: &[String]) -> Option<&str> {
    let kind = |text: &String| text.strip_prefix(PEM_BEGIN)?.split_once("-----").map(|(kind, _)| kind.len());
    let length = kind(&samples[0])?;
    let first = samples[0].get(..PEM_BEGIN.len() + length)?;
    samples.iter().all(|text| text.starts_with(first)).then_some(first)
}

fn word_fits(helm: &[String], ours: &[String]) -> bool {
    if all_equal(helm) {
        return all_equal(ours) && ours.first() == helm.first();
    }
    if ours.iter().all(|word| helm.contains(word)) {
        return true;
    }
    if let Some(kind) = pem_kind(helm) {
        return pem_kind(ours) == Some(kind) && !all_equal(ours);
    }
    if let (Some(helm), Some(ours)) = (decoded(helm), decoded(ours)) {
        return difference(&helm, &ours).is_none();
    }
    let whole = |test: fn(char) -> bool| helm.iter().all(|word| word.chars().all(test));
    let kinds: [fn(char) -> bool; 4] = [
        |c| c.is_ascii_digit(),
        |c| matches!(c, '0'..='9' | 'a'..='f'),
        |c| c.is_ascii_lowercase() || c.is_ascii_digit(),
        |c| c.is_ascii_alphanumeric(),
    ];
    let kind = kinds.into_iter().find(|kind| whole(*kind));
    let length = helm[0].len();
    let fixed = length <= SHORT && helm.iter().all(|word| word.len() == length);
    !all_equal(ours)
        && ours.iter().all(|word| kind.is_none_or(|kind| word.chars().all(kind)))
        && (!fixed || ours.iter().all(|word| word.len() == length))
}

/// The texts behind base64, if that is what all of the words are.
fn decoded(words: &[String]) -> Option<Vec<String>> {
    let decode = |word: &String| {
        let text = String::from_utf8(STANDARD.decode(word).ok()?).ok()?;
        let printable = text.len() >= 24 && text.chars().all(|c| !c.is_control() || "\n\r\t".contains(c));
        printable.then_some(text)
    };
    words.iter().map(decode).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fits(helm: &[&str], ours: &[&str]) -> bool {
        let texts =
            |samples: &[&str]| -> Vec<String> { samples.iter().map(|&text| text.to_owned()).collect() };
        difference(&texts(helm), &texts(ours)).is_none()
    }

    #[test]
    fn what_varies_is_masked_and_nothing_else() {
        for (helm, ours, expected) in [
            // Constant lines.
            (["a: 1", "a: 1"], ["a: 1", "a: 1"], true),
            (["a: 1", "a: 1"], ["a: 2", "a: 2"], false),
            (["a: 1", "a: 1"], ["a: 1", "a: 2"], false),
            (["a: 1\nb: 2", "a: 1\nb: 2"], ["a: 1", "a: 1"], false),
            // A random word.
            (["a: xY3q", "a: Zk90"], ["a: Pm21", "a: 77aB"], true),
            (["a: xY3q", "a: Zk90"], ["a: Pm21", "a: Pm21"], false),
            (["a: xY3q", "a: Zk90"], ["b: Pm21", "b: 77aB"], false),
            (["a: xY3q", "a: Zk90"], ["a: Pm21x", "a: 77aBx"], false),
            (["a: 0f3e", "a: 99ab"], ["a: zzzz", "a: 77zz"], false),
            (["a: x y", "a: z y"], ["a: p q", "a: r q"], false),
            // Order.
            (["- b\n- a", "- a\n- b"], ["- a\n- b", "- a\n- b"], true),
            (["- b\n- a", "- a\n- b"], ["- a\n- c", "- a\n- c"], false),
            (["x: a,b", "x: b,a"], ["x: a,b", "x: a,b"], true),
            // Random punctuation.
            (["x: \"a#;b\"", "x: \"]q%x\""], ["x: \"&&y\"", "x: \"m(n)\""], true),
        ] {
            assert_eq!(fits(&helm, &ours), expected, "{helm:?} {ours:?}");
        }
    }

    #[test]
    fn a_pem_block_is_one_line() {
        let block = |kind: &str, body: &str| {
            format!("k: |\n  -----BEGIN {kind}-----\n  {body}\n  -----END {kind}-----\nz: 1\n")
        };
        let pair =
            |kind: &str, end: &str| [block(kind, "AAAA"), block(kind, "BBBB\n  CC")].map(|text| text + end);
        assert_eq!(difference(&pair("KEY", ""), &pair("KEY", "").map(|text| text.replace("AA", "XX"))), None);
        assert!(difference(&pair("KEY", ""), &pair("OTHER KEY", "")).is_some());
        assert!(
            difference(&pair("KEY", "y: 1"), &pair("KEY", "y: 2").map(|text| text.replace("AA", "XX")))
                .is_some()
        );
        let inline = |samples: [String; 2]| samples.map(|text| format!("p: {text:?}\nq: 1\n"));
        let changed = |text: String| text.replace("AA", "XX");
        assert_eq!(difference(&inline(pair("KEY", "")), &inline(pair("KEY", "").map(changed))), None);
        assert!(difference(&inline(pair("KEY", "")), &inline(pair("CSR", "").map(changed))).is_some());
        let coded = |samples: [String; 2]| samples.map(|text| format!("c: {}\n", STANDARD.encode(text)));
        let (helm, ours) =
            (coded(pair("KEY", "")), coded(pair("KEY", "").map(|text| text.replace("AA", "XX"))));
        assert_eq!(difference(&helm, &ours), None);
        let ours = coded(pair("KEY", "").map(|text| text.replace("z: 1", "z: 2")));
        assert!(difference(&helm, &ours).is_some());
    }
}
