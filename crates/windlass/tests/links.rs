//! Charts' folders with links, and what lies outside of them: nothing of it is printed, whatever a chart's author did.

#![expect(clippy::unwrap_used, reason = "a test whose folder cannot be made fails")]

use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering};

use windlass::{Process, run_in};

/// What must never be seen.
const SECRET: &str = "canary: of-the-machine\n";

/// A folder with a chart `web` whose template prints its file `data.txt`, and beside it a secret.
struct Scene {
    root: tempfile::TempDir,
}

struct Seen {
    succeeded: bool,
    out: String,
    err: String,
}

impl Scene {
    fn new() -> Self {
        let scene = Self { root: tempfile::tempdir().unwrap() };
        scene.write("web/Chart.yaml", "apiVersion: v2\nname: web\nversion: 0.1.0\n");
        scene.write("web/templates/a.yaml", "data: {{ .Files.Get \"data.txt\" | toJson }}\n");
        scene.write("secret.txt", SECRET);
        scene.write("web-secret/secret.txt", SECRET);
        scene
    }

    fn path(&self, below: &str) -> PathBuf {
        self.root.path().canonicalize().unwrap().join(below)
    }

    fn write(&self, below: &str, text: &str) {
        let path = self.root.path().join(below);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    fn link(&self, below: &str, target: impl AsRef<Path>) {
        let path = self.path(below);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        symlink(target, path).unwrap();
    }

    fn run(&self, arguments: &[&str]) -> Seen {
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let mut process = Process { variable: Rc::new(|_: &str| None), stdin: &mut std::io::empty() };
        let code = run_in(arguments, &mut process, &mut out, &mut err);
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Seen { succeeded: code == ExitCode::SUCCESS, out: text(out), err: text(err) }
    }

    fn render(&self) -> Seen {
        self.run(&["template", "demo", self.path("web").to_str().unwrap()])
    }

    /// Renders, expects the text in the output, and says which links helm would have logged.
    fn prints(&self, text: &str) -> Vec<String> {
        let seen = self.render();
        assert!(seen.succeeded && seen.out.contains(text), "{}{}", seen.err, seen.out);
        let root = self.path("");
        let links = seen.err.lines().filter_map(|line| line.split_once(" path=").map(|(_, rest)| rest));
        links.map(|line| line.replace(root.to_str().unwrap(), "")).collect()
    }

    /// Renders, expects a failure that says all of `words` and nothing of the secret.
    fn refuses(&self, words: &[&str]) {
        let seen = self.render();
        assert!(!seen.succeeded, "{}", seen.out);
        for word in words {
            assert!(seen.err.contains(word), "{word}: {}", seen.err);
        }
        assert!(!(seen.err + &seen.out).contains("of-the-machine"));
    }
}

#[test]
fn a_link_to_a_file_of_the_chart_is_followed() {
    let scene = Scene::new();
    scene.write("web/real.txt", "inside");
    scene.link("web/data.txt", "real.txt");
    assert_eq!(scene.prints("\"inside\""), ["web/data.txt resolved=web/real.txt"]);
}

#[test]
fn a_link_to_a_folder_of_the_chart_is_followed() {
    let scene = Scene::new();
    scene.write("web/more/b.yaml", "more: true\n");
    scene.link("web/templates/more", "../more");
    assert_eq!(scene.prints("more: true"), ["web/templates/more resolved=web/more"]);
}

#[test]
fn a_chain_of_links_that_stays_inside_is_followed() {
    let scene = Scene::new();
    scene.write("web/real.txt", "inside");
    scene.link("web/one", "real.txt");
    scene.link("web/two", scene.path("web/one"));
    scene.link("web/data.txt", "two");
    assert_eq!(scene.prints("\"inside\"").len(), 3);
}

#[test]
fn the_chart_may_be_named_by_a_link() {
    let scene = Scene::new();
    scene.write("web/data.txt", "inside");
    scene.link("other", "web");
    let seen = scene.run(&["template", "demo", scene.path("other").to_str().unwrap()]);
    assert!(seen.succeeded && seen.out.contains("inside"), "{}", seen.err);
}

#[test]
fn a_link_out_of_the_chart_is_refused() {
    let targets = ["../secret.txt", "../web-secret/secret.txt", "../web/../secret.txt", "/proc/self/environ"];
    for target in targets {
        let scene = Scene::new();
        scene.link("web/data.txt", target);
        scene.refuses(&["/web/data.txt is a symbolic link that leads out of "]);
    }
}

#[test]
fn an_absolute_link_out_of_the_chart_is_refused() {
    let scene = Scene::new();
    scene.link("web/data.txt", scene.path("secret.txt"));
    scene.refuses(&["/web/data.txt is a symbolic link that leads out of "]);
}

#[test]
fn a_link_to_a_folder_out_of_the_chart_is_refused() {
    let scene = Scene::new();
    scene.link("web/templates/more", "../../web-secret");
    scene.refuses(&["/web/templates/more is a symbolic link that leads out of "]);
}

#[test]
fn a_chain_of_links_that_leads_out_is_refused() {
    let scene = Scene::new();
    scene.link("web/data.txt", "step");
    scene.link("web/step", "../secret.txt");
    scene.refuses(&["/web/data.txt is a symbolic link that leads out of "]);
}

#[test]
fn a_link_within_the_git_work_tree_is_followed() {
    let scene = Scene::new();
    scene.write("repository/.git/config", SECRET);
    scene.write("repository/shared.txt", "shared");
    std::fs::rename(scene.path("web"), scene.path("repository/web")).unwrap();
    scene.link("repository/web/data.txt", "../shared.txt");
    scene.link("web", "repository/web");
    scene.prints("\"shared\"");

    std::fs::remove_file(scene.path("repository/web/data.txt")).unwrap();
    scene.link("repository/web/data.txt", "../../secret.txt");
    scene.refuses(&["leads out of", "/repository: "]);

    std::fs::remove_file(scene.path("repository/web/data.txt")).unwrap();
    scene.link("repository/web/data.txt", "../.git/config");
    scene.refuses(&["leads out of"]);
}

#[test]
fn of_a_chart_that_is_a_repository_git_has_its_own_data() {
    let scene = Scene::new();
    scene.write("web/.git/config", SECRET);
    scene.write("web/data.txt", "inside");
    scene.write("web/templates/b.yaml", "git: {{ .Files.Get \".git/config\" | toJson }}\n");
    scene.prints("data: \"inside\"");
    scene.prints("git: \"\"");
}

#[test]
fn a_sub_chart_that_is_a_link_within_the_work_tree_is_loaded() {
    let scene = Scene::new();
    std::fs::create_dir(scene.path(".git")).unwrap();
    scene.write("common/Chart.yaml", "apiVersion: v2\nname: common\nversion: 1.0.0\n");
    scene.write("common/templates/c.yaml", "common: true\n");
    scene.link("web/charts/common", "../../common");
    scene.prints("common: true");
}

#[test]
fn links_that_lead_nowhere_or_in_circles_are_refused() {
    let rows: [(&str, &str, &str); 5] = [
        ("web/data.txt", "none.txt", "Error: error evaluating symlink"),
        ("web/data.txt", "data.txt", "EvalSymlinks: too many links"),
        ("web/all", ".", "/web/all is a symbolic link to a folder that contains it"),
        ("web/templates/up", "..", "/web/templates/up is a symbolic link to a folder that contains it"),
        (
            "web/templates/up",
            "../templates",
            "/web/templates/up is a symbolic link to a folder that contains it",
        ),
    ];
    for (path, target, expected) in rows {
        let scene = Scene::new();
        scene.link(path, target);
        scene.refuses(&[expected]);
    }
}

#[test]
fn what_is_ignored_is_not_followed() {
    let scene = Scene::new();
    scene.write("web/.helmignore", "data.txt\nsecrets/\npipe\n");
    scene.link("web/data.txt", "../secret.txt");
    scene.link("web/secrets", "../web-secret");
    let seen = scene.render();
    assert!(seen.succeeded && seen.out.contains("data: \"\""), "{}{}", seen.err, seen.out);
}

#[test]
fn chart_yaml_and_helmignore_are_no_way_out_either() {
    for name in ["Chart.yaml", ".helmignore"] {
        let scene = Scene::new();
        let _ = std::fs::remove_file(scene.path("web").join(name));
        scene.link(&format!("web/{name}"), "../secret.txt");
        scene.refuses(&["is a symbolic link that leads out of"]);
    }
}

#[test]
fn pipes_and_devices_are_refused_without_waiting() {
    let scene = Scene::new();
    rustix::fs::mkfifoat(rustix::fs::CWD, scene.path("web/data.txt"), rustix::fs::Mode::RWXU).unwrap();
    scene.refuses(&["cannot load irregular file", "/web/data.txt as it has file mode type bits set"]);
    std::fs::rename(scene.path("web/data.txt"), scene.path("web/.helmignore")).unwrap();
    scene.refuses(&["cannot load irregular file"]);
    std::fs::rename(scene.path("web/.helmignore"), scene.path("web/Chart.yaml")).unwrap();
    scene.refuses(&["cannot load irregular file"]);
    let scene = Scene::new();
    scene.link("web/data.txt", "/dev/zero");
    scene.refuses(&["/web/data.txt"]);
}

#[test]
fn a_file_larger_than_a_chart_may_be_is_not_read() {
    let scene = Scene::new();
    std::fs::File::create(scene.path("web/data.txt")).unwrap().set_len(1 << 40).unwrap();
    scene.refuses(&["error reading data.txt: chart exceeds maximum decompressed size of 104857600 bytes"]);
}

/// A link that is replaced all the time, now leading to a file of the chart and now out of it: sometimes the chart is
/// refused and sometimes rendered, and the secret is never seen.
#[test]
fn a_link_that_is_swapped_shows_nothing() {
    let scene = Scene::new();
    scene.write("web/real.txt", "inside");
    scene.link("web/data.txt", "real.txt");
    let done = AtomicBool::new(false);
    let (link, spare) = (scene.path("web/data.txt"), scene.path("spare"));
    let (mut rendered, mut refused) = (0, 0);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for target in ["../secret.txt", "real.txt"].iter().cycle() {
                if done.load(Ordering::Relaxed) {
                    break;
                }
                symlink(target, &spare).unwrap();
                std::fs::rename(&spare, &link).unwrap();
            }
        });
        for _ in 0..2000 {
            let seen = scene.render();
            assert!(!(seen.out.clone() + &seen.err).contains("of-the-machine"), "{}{}", seen.out, seen.err);
            if seen.succeeded {
                rendered += 1
            } else {
                refused += 1
            }
            if rendered > 20 && refused > 20 {
                break;
            }
        }
        done.store(true, Ordering::Relaxed);
    });
    assert!(rendered > 0 && refused > 0, "{rendered} rendered, {refused} refused");
}

#[test]
fn a_folder_that_is_swapped_for_a_link_shows_nothing() {
    let scene = Scene::new();
    scene.write("web/templates/more/secret.txt", "inside: true\n");
    let done = AtomicBool::new(false);
    let (folder, aside) = (scene.path("web/templates/more"), scene.path("aside"));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                std::fs::rename(&folder, &aside).unwrap();
                symlink(scene.path("web-secret"), &folder).unwrap();
                std::fs::remove_file(&folder).unwrap();
                std::fs::rename(&aside, &folder).unwrap();
            }
        });
        for _ in 0..200 {
            let seen = scene.render();
            assert!(!(seen.out.clone() + &seen.err).contains("of-the-machine"), "{}{}", seen.out, seen.err);
        }
        done.store(true, Ordering::Relaxed);
    });
}

/// The paths that the user gives lead where they lead; those that a chart gives do not leave `--output-dir`.
#[test]
fn path_traversal_in_output_dir_writes_nothing_outside() {
    let scene = Scene::new();
    let out = scene.path("deep/out");
    for name in ["../../evil", "/evil", "..", "a/../../../evil"] {
        scene.write("web/Chart.yaml", &format!("apiVersion: v2\nname: {name:?}\nversion: 0.1.0\n"));
        let web = scene.path("web");
        let seen =
            scene.run(&["template", "demo", web.to_str().unwrap(), "--output-dir", out.to_str().unwrap()]);
        assert!(!seen.succeeded, "{name}: {}", seen.out);
        assert!(!scene.path("evil").exists() && !scene.path("deep").exists(), "{name}");
    }
}

#[test]
fn path_traversal_in_values_reads_what_the_user_names_and_nothing_else() {
    let scene = Scene::new();
    scene.write("web/templates/a.yaml", "values: {{ .Values | toJson }}\n");
    let web = scene.path("web");
    let values = format!("{}/../secret.txt", web.display());
    let seen = scene.run(&["template", "demo", web.to_str().unwrap(), "-f", &values]);
    assert!(seen.succeeded && seen.out.contains(r#"{"canary":"of-the-machine"}"#), "{}", seen.err);
    for values in ["../secret.txt", "https://example.org/values.yaml", "oci://example.org/values"] {
        let seen = scene.run(&["template", "demo", web.to_str().unwrap(), "-f", values]);
        assert!(!seen.succeeded && seen.err.contains(values), "{}", seen.err);
    }
}

#[test]
fn path_traversal_in_show_only_shows_rendered_documents_only() {
    let scene = Scene::new();
    for pattern in ["../secret.txt", "../../secret.txt", "/etc/passwd", "*/../../secret.txt"] {
        let seen = scene.run(&["template", "demo", scene.path("web").to_str().unwrap(), "-s", pattern]);
        assert!(!seen.succeeded && seen.out.is_empty(), "{}", seen.out);
        assert_eq!(seen.err, format!("Error: could not find template {pattern} in chart\n"));
    }
}

#[test]
fn lint_follows_links_by_the_same_rule() {
    let scene = Scene::new();
    scene.link("web/templates/data.yaml", "../../secret.txt");
    let seen = scene.run(&["lint", scene.path("web").to_str().unwrap()]);
    assert!(!seen.succeeded && seen.out.contains("is a symbolic link that leads out of"), "{}", seen.out);
    assert!(!(seen.out + &seen.err).contains("of-the-machine"));
}
