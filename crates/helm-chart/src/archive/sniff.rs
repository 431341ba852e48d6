//! What a file is that should be an archive, for the message.

/// A file is no gzipped archive. The texts are Helm's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NotAnArchive {
    /// Its name is that of a YAML file.
    #[error("file '{0}' seems to be a YAML file, but expected a gzipped archive")]
    Yaml(String),
    /// Anything else.
    #[error("file '{name}' does not appear to be a gzipped archive; got '{found}'")]
    Other {
        /// The file.
        name: String,
        /// What its content looks like: a MIME type.
        found: &'static str,
    },
}

/// Checks that the bytes of the file `name` begin as a gzipped archive does, as `helm` does before it reads a file that
/// it is given as a chart (`EnsureArchive`).
///
/// # Errors
/// If they do not; the error names the file and says what it looks like.
///
/// ```
/// let error = helm_chart::expect_archive("values.yaml", b"a: 1\n").unwrap_err();
/// assert_eq!(error.to_string(), "file 'values.yaml' seems to be a YAML file, but expected a gzipped archive");
/// ```
pub fn expect_archive(name: &str, bytes: &[u8]) -> Result<(), NotAnArchive> {
    const HEAD: usize = 512;
    if bytes.starts_with(b"\x1f\x8b\x08") {
        return Ok(());
    }
    if name.ends_with(".yml") || name.ends_with(".yaml") {
        return Err(NotAnArchive::Yaml(name.to_owned()));
    }
    // Helm looks at 512 bytes, zeros included if the file has fewer.
    let mut head = [0; HEAD];
    let length = bytes.len().min(HEAD);
    head[..length].copy_from_slice(&bytes[..length]);
    Err(NotAnArchive::Other { name: name.to_owned(), found: content_type(&head) })
}

const HTML: &str = "text/html; charset=utf-8";

/// Tags that a page begins with.
const TAGS: [&str; 17] = [
    "!DOCTYPE HTML",
    "HTML",
    "HEAD",
    "SCRIPT",
    "IFRAME",
    "H1",
    "DIV",
    "FONT",
    "TABLE",
    "A",
    "STYLE",
    "TITLE",
    "B",
    "BODY",
    "BR",
    "P",
    "!--",
];

/// First bytes, a second part with its position, and the type.
type Signature = (&'static [u8], Option<(usize, &'static [u8])>, &'static str);

const SIGNATURES: [Signature; 31] = [
    (b"%PDF-", None, "application/pdf"),
    (b"%!PS-Adobe-", None, "application/postscript"),
    (b"\xfe\xff", None, "text/plain; charset=utf-16be"),
    (b"\xff\xfe", None, "text/plain; charset=utf-16le"),
    (b"\xef\xbb\xbf", None, "text/plain; charset=utf-8"),
    (b"\0\0\x01\0", None, "image/x-icon"),
    (b"\0\0\x02\0", None, "image/x-icon"),
    (b"BM", None, "image/bmp"),
    (b"GIF87a", None, "image/gif"),
    (b"GIF89a", None, "image/gif"),
    (b"RIFF", Some((8, b"WEBPVP")), "image/webp"),
    (b"\x89PNG\r\n\x1a\n", None, "image/png"),
    (b"\xff\xd8\xff", None, "image/jpeg"),
    (b"FORM", Some((8, b"AIFF")), "audio/aiff"),
    (b"ID3", None, "audio/mpeg"),
    (b"OggS\0", None, "application/ogg"),
    (b"MThd\0\0\0\x06", None, "audio/midi"),
    (b"RIFF", Some((8, b"AVI ")), "video/avi"),
    (b"RIFF", Some((8, b"WAVE")), "audio/wave"),
    (b"\x1a\x45\xdf\xa3", None, "video/webm"),
    (b"", Some((34, b"LP")), "application/vnd.ms-fontobject"),
    (b"\0\x01\0\0", None, "font/ttf"),
    (b"OTTO", None, "font/otf"),
    (b"ttcf", None, "font/collection"),
    (b"wOFF", None, "font/woff"),
    (b"wOF2", None, "font/woff2"),
    (b"\x1f\x8b\x08", None, "application/x-gzip"),
    (b"PK\x03\x04", None, "application/zip"),
    (b"Rar!\x1a\x07\0", None, "application/x-rar-compressed"),
    (b"Rar!\x1a\x07\x01\0", None, "application/x-rar-compressed"),
    (b"\0\x61\x73\x6d", None, "application/wasm"),
];

/// Go's `http.DetectContentType`, films in MP4 aside.
fn content_type(head: &[u8]) -> &'static str {
    let trimmed =
        head.iter().position(|byte| !b"\t\n\x0c\r ".contains(byte)).map_or(&[][..], |start| &head[start..]);
    if let Some(tag) = trimmed.strip_prefix(b"<") {
        let begins = |name: &&str| {
            let (Some(start), Some(end)) = (tag.get(..name.len()), tag.get(name.len())) else { return false };
            start.eq_ignore_ascii_case(name.as_bytes()) && b" >".contains(end)
        };
        if TAGS.iter().any(begins) {
            return HTML;
        }
        if tag.starts_with(b"?xml") {
            return "text/xml; charset=utf-8";
        }
    }
    for (first, second, name) in SIGNATURES {
        let rest = second.is_none_or(|(position, bytes)| head[position.min(head.len())..].starts_with(bytes));
        if head.starts_with(first) && rest {
            return name;
        }
    }
    let binary = |byte: &u8| matches!(byte, 0..=8 | 0x0b | 0x0e..=0x1a | 0x1c..=0x1f);
    if trimmed.iter().any(binary) { "application/octet-stream" } else { "text/plain; charset=utf-8" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_no_archive_is_named() {
        let rows: [(&str, &[u8], &str); 2] = [
            ("a.yml", b"", "file 'a.yml' seems to be a YAML file, but expected a gzipped archive"),
            ("a", b"PK\x03\x04", "file 'a' does not appear to be a gzipped archive; got 'application/zip'"),
        ];
        for (name, bytes, message) in rows {
            assert_eq!(expect_archive(name, bytes).unwrap_err().to_string(), message);
        }
        assert_eq!(expect_archive("a.yaml", b"\x1f\x8b\x08"), Ok(()));
    }
}
