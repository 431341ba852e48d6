//! The whole article, as the demo plays it.

use integration_tests::story::{self, Narrator, Outcome, Stage, Step, Told};

/// Keeps what is told for the message of a test that fails.
#[derive(Default)]
struct Transcript(String);

impl Narrator for Transcript {
    fn begins(&mut self, step: &'static str) {
        self.0.push_str(&format!("▶ {step}\n"));
    }

    fn shows(&mut self, text: &str) {
        self.0.push_str(text);
        self.0.push('\n');
    }

    fn ended(&mut self, told: &Told) {
        self.0.push_str(&format!("{:?} after {:.1} s\n", told.outcome, told.took.as_secs_f64()));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_article_from_the_first_push_to_the_recovery() {
    let mut stage = Stage::new().await.unwrap();
    let mut transcript = Transcript::default();
    let told = story::play(&mut stage, &Step::ALL, &mut transcript).await;
    let held = told.iter().filter(|entry| entry.outcome == Outcome::Held).count();
    assert_eq!(held, Step::ALL.len(), "{}", transcript.0);
}
