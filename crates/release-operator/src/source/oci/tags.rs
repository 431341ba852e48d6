//! The tags of a repository, page by page.

use std::collections::HashSet;

use reqwest::StatusCode;
use reqwest::header::LINK;
use serde::Deserialize;
use url::Url;

use super::{OciRepository, Registries};
use crate::source::repository::{Credentials, Problem};
use crate::source::web;

/// The most tags.
const MAX_TAGS: usize = 20_000;
/// The most pages.
const MAX_PAGES: usize = 1000;
/// The longest page, in bytes.
const MAX_PAGE: usize = 4 << 20;
/// How many tags are asked for at once.
const PAGE: &str = "n=1000";

#[derive(Deserialize)]
struct Page {
    /// Null when the last tag was deleted.
    tags: Option<Vec<String>>,
}

impl Registries {
    /// All tags; none if there is no such repository.
    pub(crate) async fn tags(
        &self,
        repository: &OciRepository,
        credentials: Option<&Credentials>,
    ) -> Result<Option<Vec<String>>, Problem> {
        let mut tags = HashSet::new();
        let mut url = repository.url("tags/list");
        url.set_query(Some(PAGE));
        for _ in 0..MAX_PAGES {
            let answer = self.send(repository, url.clone(), "application/json", credentials).await?;
            if answer.status() == StatusCode::NOT_FOUND {
                return Ok(None);
            }
            let answer = answer.expect_success(|url| Problem::NotFound { url })?;
            let target = answer.headers().get(LINK).and_then(|value| next_target(value.to_str().ok()?));
            let bytes = answer.body(MAX_PAGE).await?;
            let page: Page = serde_json::from_slice(&bytes)
                .map_err(|source| Problem::Registry { url: web::shown(&url), source })?;
            tags.extend(page.tags.unwrap_or_default());
            if tags.len() > MAX_TAGS {
                break;
            }
            let Some(target) = target else { return Ok(Some(tags.into_iter().collect())) };
            url = next_page(&url, &target)
                .ok_or_else(|| Problem::Page { host: repository.host(), next: target })?;
        }
        Err(Problem::TooManyTags { limit: MAX_TAGS })
    }
}

/// The target of the link with the relation `next` (RFC 8288).
fn next_target(header: &str) -> Option<String> {
    let mut rest = header;
    while let Some((_, after)) = rest.split_once('<') {
        let (target, parameters) = after.split_once('>')?;
        // To the next link: a target holds no blanks, and a comma in quotes does not precede `<`.
        let end = parameters.find(",").filter(|at| parameters[at + 1..].trim_start().starts_with('<'));
        let own = &parameters[..end.unwrap_or(parameters.len())];
        let is_next = |parameter: &str| {
            parameter.split_once('=').is_some_and(|(name, value)| {
                name.trim().eq_ignore_ascii_case("rel")
                    && value
                        .trim()
                        .trim_matches('"')
                        .split_ascii_whitespace()
                        .any(|relation| relation == "next")
            })
        };
        if own.split(';').any(is_next) {
            return Some(target.to_owned());
        }
        rest = &parameters[own.len()..];
    }
    None
}

/// The next page's address. A registry behind a proxy may have an idea of its own about scheme and host, so only the query is
/// taken, and the path must stay.
fn next_page(page: &Url, target: &str) -> Option<Url> {
    let target = page.join(target).ok()?;
    let mut next = page.clone();
    next.set_query(target.query());
    (target.path() == page.path() && next != *page).then_some(next)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_follow_each_other_at_the_registry() {
        let page = Url::parse("http://127.0.0.1:5000/v2/a/b/tags/list?n=1000").unwrap();
        for (header, expected) in [
            (r#"</v2/a/b/tags/list?last=x&n=1000>; rel="next""#, Some("last=x&n=1000")),
            (r#"<https://other.example.com/v2/a/b/tags/list?last=x>; rel=next"#, Some("last=x")),
            (r#"<list?last=y>; title="a, b"; rel="prev next""#, Some("last=y")),
            (r#"</v2/a/b/tags/list?last=p>; rel="prev", <list?last=n,m>; rel="next""#, Some("last=n,m")),
            (r#"</v2/other/tags/list?last=x>; rel="next""#, None),
            (r#"</v2/a/b/tags/list?n=1000>; rel="next""#, None),
            (r#"</v2/a/b/tags/list?last=x>; rel="prev""#, None),
            ("nonsense", None),
        ] {
            let next = next_target(header).and_then(|target| next_page(&page, &target));
            assert_eq!(next.as_ref().and_then(Url::query), expected, "{header}");
            assert!(next.is_none_or(|url| url.origin() == page.origin()));
        }
    }
}
