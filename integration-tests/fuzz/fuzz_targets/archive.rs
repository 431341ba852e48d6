//! Any bytes as an archive, and any bytes as the tar file in one: what comes out is a chart within the limits, whose files
//! have paths that stay in it.
#![no_main]

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use helm_chart::{Chart, Limits, Values, coalesce_values, process_dependencies};
use libfuzzer_sys::fuzz_target;

const LIMITS: Limits =
    Limits { files: 50, total_bytes: 100_000, file_bytes: 50_000, ratio: 200, path_bytes: 200, nesting: 4 };

fuzz_target!(|bytes: &[u8]| {
    let _ = helm_chart::expect_archive("chart", bytes);
    load(bytes);
    load(&packed(bytes));
    load(&packed(&with_headers(bytes)));
});

fn load(archive: &[u8]) {
    let Ok(chart) = Chart::load_archive(archive, &LIMITS) else { return };
    assert_eq!(Chart::load_archive(archive, &LIMITS).ok().as_ref(), Some(&chart));
    check(&chart);
    let Ok(processed) = process_dependencies(&chart, &Values::new()) else { return };
    let _ = coalesce_values(&processed, &Values::new());
}

fn check(chart: &Chart) {
    assert!(!matches!(chart.name(), "" | "." | "..") && !chart.name().contains('/'));
    let files = || chart.templates.iter().chain(&chart.files);
    assert!(files().count() <= LIMITS.files);
    assert!(files().map(|file| file.data.len()).sum::<usize>() <= LIMITS.total_bytes);
    for file in files() {
        let path = &file.name;
        assert!(path.len() <= LIMITS.path_bytes && !path.contains(['\\', '\0']), "{path:?}");
        assert!(path.split('/').all(|part| !matches!(part, "" | "." | "..")), "{path:?}");
    }
    chart.dependencies.iter().for_each(check);
}

fn packed(tar: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(tar).expect("memory takes it");
    encoder.finish().expect("memory takes it")
}

/// A tar file of entries as the text has them: a line of a type and a name, then lines of content up to an empty one.
/// Random bytes seldom have the right checksum.
fn with_headers(text: &[u8]) -> Vec<u8> {
    let mut tar = Vec::new();
    let mut lines = text.split(|byte| *byte == b'\n');
    while let Some(line) = lines.next() {
        let content: Vec<u8> = lines
            .by_ref()
            .take_while(|line| !line.is_empty())
            .flat_map(|line| [line, b"\n"].concat())
            .collect();
        let (kind, name) =
            line.split_first().map_or((b'0', &b"c/Chart.yaml"[..]), |(kind, name)| (*kind, name));
        let mut header = tar::Header::new_gnu();
        let length = name.len().min(100);
        header.as_old_mut().name[..length].copy_from_slice(&name[..length]);
        header.as_old_mut().linkflag = [kind];
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        header.set_cksum();
        tar.extend_from_slice(header.as_bytes());
        tar.extend_from_slice(&content);
        tar.resize(tar.len().next_multiple_of(512), 0);
    }
    tar.resize(tar.len() + 1024, 0);
    tar
}
