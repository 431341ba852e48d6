//! The complete list of a repository's tags, page by page.

use std::collections::BTreeSet;

use image_policy::{Repository, Tag};
use reqwest::header::LINK;
use reqwest::{Method, Response};
use serde::Deserialize;
use url::Url;

use super::{Registry, RegistryError, body};

/// Tags asked for in one page. Registries give fewer when they like (Quay: 100).
const PAGE: usize = 1000;

/// Bounds of one listing.
const MAX_PAGES: usize = 2_000;
const MAX_TAGS: usize = 200_000;
const MAX_PAGE_BYTES: usize = 8 << 20;

#[derive(Deserialize)]
struct Page {
    /// `null` when the last tag was deleted (docker-registry).
    tags: Option<Vec<String>>,
}

impl Registry {
    /// Lists every tag of a repository: all of them, or an error. Names that are no valid tags are left out.
    ///
    /// # Errors
    /// See [`RegistryError`]; `NoRepository` when the registry does not know the repository.
    pub async fn tags(&self, repository: &Repository) -> Result<Vec<Tag>, RegistryError> {
        let mut call = self.call(repository, "tags/list".to_owned())?;
        call.url.set_query(Some(&format!("n={PAGE}")));
        let mut tags = BTreeSet::new();
        for _ in 0..MAX_PAGES {
            let response =
                self.send(&call, Method::GET).await.map_err(|error| no_repository(repository, error))?;
            let link = link(&response);
            let bytes = body(&call, response, MAX_PAGE_BYTES).await?;
            let page: Page = serde_json::from_slice(&bytes)
                .map_err(|source| RegistryError::List { host: call.host(), source })?;
            tags.extend(page.tags.unwrap_or_default().iter().filter_map(|tag| tag.parse::<Tag>().ok()));
            if tags.len() > MAX_TAGS {
                return Err(too_many(repository, "tags", MAX_TAGS));
            }
            match link {
                None => return Ok(tags.into_iter().collect()),
                Some(link) => {
                    call.url = next(&call.url, &link)
                        .ok_or_else(|| RegistryError::Page { host: call.host(), next: link })?;
                }
            }
        }
        Err(too_many(repository, "pages", MAX_PAGES))
    }
}

/// "Not found" says more when a list of tags was asked for.
fn no_repository(repository: &Repository, error: RegistryError) -> RegistryError {
    match error {
        RegistryError::NotFound { host, .. } => {
            RegistryError::NoRepository { host, path: repository.path().to_owned() }
        }
        other => other,
    }
}

fn too_many(repository: &Repository, what: &'static str, limit: usize) -> RegistryError {
    RegistryError::TooMany { repository: repository.to_string(), what, limit }
}

/// The target of `Link: <target>; rel="next"`.
fn link(response: &Response) -> Option<String> {
    response.headers().get_all(LINK).iter().filter_map(|value| value.to_str().ok()).find_map(next_target)
}

fn next_target(header: &str) -> Option<String> {
    header.split('<').skip(1).find_map(|part| {
        let (target, parameters) = part.split_once('>')?;
        let next = parameters.split([';', ',']).any(|parameter| {
            parameter.trim().strip_prefix("rel=").is_some_and(|rel| rel.trim_matches('"') == "next")
        });
        next.then(|| target.to_owned())
    })
}

/// The next page's address. A registry behind a proxy may write its own idea of scheme and host into the link, so only
/// path and query are taken, and the path must stay the same.
fn next(page: &Url, link: &str) -> Option<Url> {
    let target = page.join(link).ok()?;
    let mut next = page.clone();
    next.set_query(target.query());
    (target.path() == page.path() && next != *page).then_some(next)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_page_is_found_and_stays_at_the_registry() {
        let page = Url::parse("http://127.0.0.1:5000/v2/a/b/tags/list?n=1000").unwrap();
        for (header, expected) in [
            (r#"</v2/a/b/tags/list?last=x&n=1000>; rel="next""#, Some("last=x&n=1000")),
            (r#"<https://evil.example/v2/a/b/tags/list?last=x>; rel=next"#, Some("last=x")),
            (r#"<list?last=y>; title="a"; rel="next""#, Some("last=y")),
            (
                r#"</v2/a/b/tags/list?last=p>; rel="prev", </v2/a/b/tags/list?last=n>; rel="next""#,
                Some("last=n"),
            ),
            (r#"</v2/other/tags/list?last=x>; rel="next""#, None),
            (r#"</v2/a/b/tags/list?n=1000>; rel="next""#, None),
            (r#"</v2/a/b/tags/list?last=x>; rel="prev""#, None),
            ("nonsense", None),
        ] {
            let answer = next_target(header).and_then(|target| next(&page, &target));
            assert_eq!(answer.as_ref().and_then(Url::query), expected, "{header}");
            assert!(answer.is_none_or(|url| url.origin() == page.origin()));
        }
    }
}
