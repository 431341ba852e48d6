//! The functions that generated templates call, with what they are given.

use std::sync::LazyLock;

use crate::data::Kind;

pub(crate) struct Signature {
    pub(crate) name: &'static str,
    pub(crate) params: Vec<Kind>,
    /// The last parameter repeats.
    pub(crate) variadic: bool,
    pub(crate) result: Kind,
}

/// `name:parameters>result`; a letter is a kind (see [`kind`]), `*` repeats the one before.
const BUILTIN: &str = "\
    and:aa*>a or:aa*>a not:a>b eq:aa>b eq:ss*>b eq:ii*>b eq:ff>b ne:aa>b ne:ss>b ne:ii>b lt:ii>b lt:ff>b lt:ss>b le:ii>b \
    le:aa>b gt:ii>b gt:aa>b ge:ff>b ge:ii>b ge:ss>b len:s>i len:l>i len:m>i len:a>i index:li>a index:ms>a index:si>i \
    index:aa*>a slice:sii>s slice:lii>l slice:li>l slice:s>s slice:liii>l slice:aa*>a call:Fis>s call:Fa*>a html:a*>s js:a*>s \
    urlquery:a*>s html:s>s js:s>s urlquery:s>s print:a*>s print:aa>s println:a*>s \
    t_add:ii>i t_add64:ii>i t_half:f>f t_not:b>b t_uint:i>i t_upper:s>s t_concat:s*>s t_pair:sa*>s t_fail:s>s t_nil:>a \
    t_any:a>a t_keys:m>i t_items:l>i t_names:l>i t_complex:a>a t_f32:f>f t_i8:i>i t_u8:i>i t_bytes:l>s t_strmap:m>i \
    t_server:a>b t_apply:F>s t_func:>F";

/// Sprig's, without those whose results differ from run to run.
const SPRIG: &str = "\
    abbrev:is>s abbrevboth:iis>s add:i*>i add1:i>i add1f:f>f addf:f*>f adler32sum:s>s all:a*>b any:a*>b append:la>l \
    atoi:s>i b32dec:s>s b32enc:s>s b64dec:s>s b64enc:s>s base:s>s biggest:i*>i camelcase:s>s cat:a*>s ceil:f>f chunk:il>l \
    clean:s>s coalesce:a*>a compact:l>l concat:l*>l contains:ss>b date:si>s dateInZone:sis>s date_modify:si>a deepCopy:m>m \
    deepEqual:aa>b default:aa>a dict:sa*>m dict:sasa>m dig:sam>a dir:s>s div:ii>i divf:ff>f duration:i>s durationRound:i>s \
    empty:a>b ext:s>s fail:s>s first:l>a float64:a>f floor:f>f fromJson:s>a get:ms>a has:al>b hasKey:ms>b hasPrefix:ss>b \
    hasSuffix:ss>b hello:>s htmlDate:i>s indent:is>s initial:l>l initials:s>s int:a>i int64:a>i isAbs:s>b join:sl>s \
    kebabcase:s>s kindIs:sa>b kindOf:a>s last:l>a list:a*>l lower:s>s max:i*>i maxf:f*>f merge:mm>m mergeOverwrite:mm>m \
    min:i*>i minf:f*>f mod:ii>i mul:ii*>i mulf:ff*>f mustAppend:la>l mustCompact:l>l mustFirst:l>a mustFromJson:s>a mustHas:al>b \
    mustInitial:l>l mustLast:l>a mustPrepend:la>l mustPush:la>l mustRegexFind:ss>s mustRegexFindAll:ssi>l mustRegexMatch:ss>b \
    mustRegexReplaceAll:sss>s mustRegexReplaceAllLiteral:sss>s mustRegexSplit:ssi>l mustRest:l>l mustReverse:l>l mustSlice:lii>l \
    mustToDate:ss>a mustToJson:a>s mustToPrettyJson:a>s mustToRawJson:a>s mustUniq:l>l mustWithout:la*>l nindent:is>s \
    nospace:s>s omit:ms*>m osBase:s>s osClean:s>s osDir:s>s osExt:s>s osIsAbs:s>b pick:ms*>m pluck:sm*>l plural:ssi>s \
    prepend:la>l push:la>l quote:a*>s regexFind:ss>s regexFindAll:ssi>l regexMatch:ss>b regexQuoteMeta:s>s regexReplaceAll:sss>s \
    regexReplaceAllLiteral:sss>s regexSplit:ssi>l repeat:is>s replace:sss>s rest:l>l reverse:l>l round:fi>f semver:s>a \
    semverCompare:ss>b seq:i*>s set:msa>m sha1sum:s>s sha256sum:s>s sha512sum:s>s snakecase:s>s sortAlpha:l>l split:ss>m \
    splitList:ss>l splitn:sis>m squote:a*>s sub:ii>i subf:ff>f substr:iis>s swapcase:s>s ternary:aab>a title:s>s toDate:ss>a \
    toDecimal:s>i toJson:a>s toPrettyJson:a>s toRawJson:a>s toString:a>s toStrings:l>l trim:s>s trimAll:ss>s trimPrefix:ss>s \
    trimSuffix:ss>s trimall:ss>s trunc:is>s tuple:a*>l typeIs:sa>b typeIsLike:sa>b typeOf:a>s uniq:l>l unixEpoch:a>s \
    unset:ms>m until:i>l untilStep:iii>l untitle:s>s upper:s>s urlJoin:m>s urlParse:s>m without:la*>l wrap:is>s wrapWith:iss>s";

pub(crate) static BUILTINS: LazyLock<Vec<Signature>> = LazyLock::new(|| read(BUILTIN));
pub(crate) static SPRIGS: LazyLock<Vec<Signature>> = LazyLock::new(|| read(SPRIG));

fn read(table: &'static str) -> Vec<Signature> {
    table
        .split_whitespace()
        .filter_map(|entry| {
            let (name, rest) = entry.split_once(':')?;
            let (params, result) = rest.split_once('>')?;
            let letters = params.trim_end_matches('*');
            Some(Signature {
                name,
                params: letters.chars().map(kind).collect(),
                variadic: letters != params,
                result: result.chars().map(kind).next()?,
            })
        })
        .collect()
}

fn kind(letter: char) -> Kind {
    match letter {
        's' => Kind::Str,
        'i' => Kind::Int,
        'f' => Kind::Float,
        'b' => Kind::Bool,
        'l' => Kind::List,
        'm' => Kind::Map,
        'F' => Kind::Func,
        _ => Kind::Any,
    }
}
