//! The jobs of uploads page by page, the newest first: for whoever looks at them. It reads as much as a page needs,
//! however many jobs there are.
//!
//! ```text
//!   index `newest`   made_at 9 8 7 6 5 4 3 2 1      filtered there: route, text, done or failed
//!                            └─ page ─┘ └ older ▸   then each job's row is read, and filtered by its exact state
//! ```

use std::{collections::HashMap, time::Duration};

use aws_sdk_dynamodb::{
    operation::query::builders::QueryFluentBuilder,
    types::{AttributeValue, KeysAndAttributes},
};
use jiff::Timestamp;

use super::{
    Jobs, StoreError,
    row::{Item, id_of, readable},
    table::{ENDED, ID, MADE_AT, NEWEST_INDEX, ROUTE, SEARCH, SHELF, UPLOADS_SHELF},
    words,
};
use crate::job::{Job, JobId, ProviderName, Route, StateName, UPLOADS_PREFIX};

/// Which jobs a page is to show.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PageFilter {
    /// Only those in this state.
    pub state: Option<StateName>,
    /// Only those whose upload asked for this provider.
    pub provider: Option<ProviderName>,
    /// Only those of this route.
    pub route: Option<Route>,
    /// Only those whose upload's key holds this text, in whatever letters.
    pub text: Option<String>,
}

/// Jobs, the newest first.
#[derive(Debug, Default)]
pub struct Page {
    /// The jobs that pass the filter.
    pub jobs: Vec<Job>,
    /// Where the next page begins; `None` where there are no older jobs.
    pub older: Option<PageKey>,
    /// Whether looking ended before the page was full, because little passes the filter: the next page goes on from there.
    pub cut_short: bool,
}

/// A place in the list of jobs: the one behind which a page begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageKey(String);

/// A text that is no place in the list.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is no place in the list of jobs; start from its beginning")]
pub struct InvalidPageKey(String);

/// A query reads so many entries of the index, before the filter.
const ENTRIES_AT_ONCE: usize = 1_000;
/// For one page so many queries are made.
const MOST_QUERIES: usize = 10;
/// A longer list is made of pages of so many jobs.
const MOST_ON_A_PAGE: usize = 500;
/// `BatchGetItem` takes no more.
const ROWS_AT_ONCE: usize = 100;
/// For one page so many rows are read that do not pass the filter.
const MOST_ROWS: usize = 600;
/// What DynamoDB left for later is asked for again so often, after pauses that begin with this and double.
const MOST_REASKS: u32 = 5;
const FIRST_REASK_AFTER: Duration = Duration::from_millis(30);

impl PageKey {
    fn of(job: &JobId, made_at: Timestamp) -> Self {
        Self(format!("{:013}#{job}", made_at.as_millisecond()))
    }

    /// The place as it stands in addresses.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// When the job there was made.
    #[must_use]
    pub fn made_at(&self) -> Option<Timestamp> {
        Timestamp::from_millisecond(self.0.split_once('#')?.0.parse().ok()?).ok()
    }

    fn id(&self) -> &str {
        self.0.split_once('#').map_or("", |(_, id)| id)
    }
}

impl std::str::FromStr for PageKey {
    type Err = InvalidPageKey;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (made_at_ms, id) = text.split_once('#').ok_or_else(|| InvalidPageKey(text.to_owned()))?;
        let is_right = made_at_ms.len() == 13
            && made_at_ms.bytes().all(|byte| byte.is_ascii_digit())
            && id.parse::<JobId>().is_ok();
        if is_right { Ok(Self(text.to_owned())) } else { Err(InvalidPageKey(text.to_owned())) }
    }
}

impl PageFilter {
    /// The query with what the index itself can tell; [`Self::takes`] tells the rest.
    fn asked(&self, mut query: QueryFluentBuilder) -> QueryFluentBuilder {
        let mut conditions = Vec::new();
        match self.state {
            Some(state @ (StateName::Done | StateName::Failed)) => {
                conditions.push("#ended = :ended");
                query = query.expression_attribute_values(":ended", AttributeValue::S(state.to_string()));
            }
            Some(_) => conditions.push("attribute_not_exists(#ended)"),
            None => {}
        }
        if self.state.is_some() {
            query = query.expression_attribute_names("#ended", ENDED);
        }
        let route = match (&self.route, self.provider) {
            (Some(whole), _) => Some(("#route = :route", whole.to_string())),
            (None, Some(provider)) => Some(("begins_with(#route, :route)", format!("{provider}/"))),
            (None, None) => None,
        };
        if let Some((condition, route)) = route {
            conditions.push(condition);
            query = query.expression_attribute_names("#route", ROUTE);
            query = query.expression_attribute_values(":route", AttributeValue::S(route));
        }
        if let Some(text) = self.text.as_deref().map(str::trim).filter(|text| !text.is_empty()) {
            conditions.push("contains(#search, :text)");
            query = query.expression_attribute_names("#search", SEARCH);
            query = query.expression_attribute_values(":text", AttributeValue::S(text.to_lowercase()));
        }
        if conditions.is_empty() { query } else { query.filter_expression(conditions.join(" AND ")) }
    }

    /// Whether the index alone can tell what passes.
    fn is_told_by_index(&self) -> bool {
        matches!(self.state, None | Some(StateName::Done | StateName::Failed))
    }

    fn is_a_key(&self) -> bool {
        self.text.as_deref().is_some_and(|text| text.starts_with(UPLOADS_PREFIX) && !text.ends_with('/'))
    }

    fn takes(&self, job: &Job) -> bool {
        // A list follows the table a moment later, so what it said of state is looked at again.
        self.state.is_none_or(|state| job.state.name() == state)
    }
}

impl Jobs {
    /// The page of at most `most` jobs that pass `filter` and are older than `before`, the newest first.
    ///
    /// # Errors
    /// When DynamoDB refuses.
    pub async fn page(&self, filter: &PageFilter, before: Option<&PageKey>, most: usize) -> Result<Page, StoreError> {
        let mut page = Page::default();
        let mut rows_left = MOST_ROWS;
        let mut place = before.cloned();
        // Without a filter everything that is read is shown; one more tells whether there are older ones.
        let at_once = if *filter == PageFilter::default() { most.saturating_add(1) } else { ENTRIES_AT_ONCE };
        let at_once = i32::try_from(at_once).unwrap_or(i32::MAX);
        for _ in 0..MOST_QUERIES {
            let (ids, read_until) = self.listed(filter, place.as_ref(), at_once).await?;
            let mut unread = ids.as_slice();
            while !unread.is_empty() {
                // What the index has told of state is nearly always right; where it cannot tell, many rows are read.
                let at_once = if filter.is_told_by_index() { most.clamp(1, ROWS_AT_ONCE) } else { ROWS_AT_ONCE };
                let (now, later) = unread.split_at(unread.len().min(at_once));
                let rows = self.get_many(now).await?;
                let last_read = rows.last().map(|job| PageKey::of(&job.id, job.created_at));
                rows_left = rows_left.saturating_sub(rows.len());
                for job in rows.into_iter().filter(|job| filter.takes(job)) {
                    if page.jobs.len() == most {
                        page.older = page.jobs.last().map(|last| PageKey::of(&last.id, last.created_at));
                        return Ok(page);
                    }
                    page.jobs.push(job);
                }
                unread = later;
                if rows_left == 0 && !unread.is_empty() && last_read.is_some() {
                    page.older = last_read;
                    page.cut_short = true;
                    return Ok(page);
                }
            }
            let Some(read_until) = read_until else { return Ok(page) };
            place = Some(read_until);
            // A whole key is that of one upload, or of a few: whoever waits for one need not have all looked through.
            if !page.jobs.is_empty() && filter.is_a_key() {
                break;
            }
        }
        page.older = place;
        page.cut_short = true;
        Ok(page)
    }

    /// The newest jobs that pass `filter`, at most `most`, however far back they lie.
    ///
    /// # Errors
    /// When DynamoDB refuses.
    pub async fn newest(&self, filter: &PageFilter, most: usize) -> Result<Vec<Job>, StoreError> {
        let mut jobs = Vec::new();
        let mut before = None;
        while jobs.len() < most {
            let page = self.page(filter, before.as_ref(), (most - jobs.len()).min(MOST_ON_A_PAGE)).await?;
            jobs.extend(page.jobs);
            before = page.older;
            if before.is_none() {
                break;
            }
        }
        Ok(jobs)
    }

    /// The ids that the index finds in its next entries, and where it stopped reading.
    async fn listed(
        &self,
        filter: &PageFilter,
        before: Option<&PageKey>,
        at_once: i32,
    ) -> Result<(Vec<JobId>, Option<PageKey>), StoreError> {
        let mut query = self
            .client
            .query()
            .table_name(&self.table)
            .index_name(NEWEST_INDEX)
            .key_condition_expression("#shelf = :shelf")
            .expression_attribute_names("#shelf", SHELF)
            .expression_attribute_values(":shelf", AttributeValue::S(UPLOADS_SHELF.into()))
            .scan_index_forward(false)
            .limit(at_once);
        if let Some(before) = before {
            query = query
                .exclusive_start_key(SHELF, AttributeValue::S(UPLOADS_SHELF.into()))
                .exclusive_start_key(MADE_AT, AttributeValue::S(before.as_str().to_owned()))
                .exclusive_start_key(ID, AttributeValue::S(before.id().to_owned()));
        }
        let output =
            filter.asked(query).send().await.map_err(|e| StoreError::Table { doing: "listed", message: words(&e) })?;
        let ids = output.items().iter().filter_map(|item| id_of(item).parse().ok()).collect();
        let read_until = output.last_evaluated_key.as_ref().and_then(|key| key.get(MADE_AT)?.as_s().ok()?.parse().ok());
        Ok((ids, read_until))
    }

    /// The jobs with these ids, in their order; those that are not there or cannot be read are left out.
    ///
    /// # Errors
    /// When DynamoDB refuses.
    pub async fn get_many(&self, ids: &[JobId]) -> Result<Vec<Job>, StoreError> {
        let mut found: HashMap<JobId, Job> = HashMap::new();
        for some in ids.chunks(ROWS_AT_ONCE) {
            let mut keys: Vec<Item> =
                some.iter().map(|id| Item::from([(ID.to_owned(), AttributeValue::S(id.to_string()))])).collect();
            for reask in 0..=MOST_REASKS {
                if keys.is_empty() {
                    break;
                }
                if reask > 0 {
                    tokio::time::sleep(FIRST_REASK_AFTER * 2_u32.pow(reask)).await;
                }
                // Whoever has just had something done wants to see it.
                let asked = KeysAndAttributes::builder().set_keys(Some(keys)).consistent_read(true).build();
                let asked = asked.map_err(|e| StoreError::Table { doing: "read", message: e.to_string() })?;
                let output = self.client.batch_get_item().request_items(&self.table, asked).send().await;
                let output = output.map_err(|e| StoreError::Table { doing: "read", message: words(&e) })?;
                let rows = output.responses.unwrap_or_default().remove(&self.table).unwrap_or_default();
                found.extend(rows.into_iter().filter_map(readable).map(|job| (job.id.clone(), job)));
                let left = output.unprocessed_keys.unwrap_or_default().remove(&self.table);
                keys = left.map(|left| left.keys).unwrap_or_default();
            }
            if !keys.is_empty() {
                // Left out, they would seem not to be there.
                let message = "it is asked more than it can answer; try again in a while".to_owned();
                return Err(StoreError::Table { doing: "read", message });
            }
        }
        Ok(ids.iter().filter_map(|id| found.remove(id)).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_in_the_list_reads_and_prints_the_same_and_tells_its_time() {
        let id: JobId = "0123456789abcdef0123456789abcdef".parse().unwrap();
        let key = PageKey::of(&id, Timestamp::from_millisecond(1_700_000_000_123).unwrap());
        assert_eq!(key.as_str(), "1700000000123#0123456789abcdef0123456789abcdef");
        assert_eq!(key.as_str().parse::<PageKey>().unwrap(), key);
        assert_eq!(key.made_at().unwrap().as_millisecond(), 1_700_000_000_123);
        for wrong in ["", "now", "1700000000123#", "17#0123456789abcdef0123456789abcdef", "170000000012x#0123"] {
            assert!(wrong.parse::<PageKey>().is_err(), "{wrong}");
        }
    }
}
