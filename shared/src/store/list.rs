//! Many jobs at once: for people, and for the start of the one-machine host. No flow's way of an image leads through here.

use std::collections::BTreeMap;

use aws_sdk_dynamodb::types::AttributeValue;

use super::{
    Jobs, StoreError,
    provider_row::only_condition_failed,
    row::{LANES, listed, readable},
    table::{DUE_INDEX, ID, LANE, SHELF},
    words,
};
use crate::job::{Balance, Job, ProviderName, StateName};

/// Which jobs [`Jobs::list`] is to show.
#[derive(Debug, Clone, Copy, Default)]
pub struct Filter {
    /// Only those in this state.
    pub state: Option<StateName>,
    /// Only those of this provider.
    pub provider: Option<ProviderName>,
}

impl Filter {
    fn takes(self, job: &Job) -> bool {
        // A branch is told as a part of its upload's job.
        job.branch.is_none()
            && self.state.is_none_or(|state| job.state.name() == state)
            && self.provider.is_none_or(|provider| job.route.provider == provider)
    }
}

/// What [`Jobs::survey`] found.
#[derive(Debug, Default)]
pub struct Survey {
    /// Jobs that pass the filter, the newest first.
    pub jobs: Vec<Job>,
    /// The newest balance that any job's reply told, by provider.
    pub balances: BTreeMap<ProviderName, Balance>,
}

impl Jobs {
    /// Every unfinished job.
    ///
    /// # Errors
    /// When DynamoDB refuses or a row is no job.
    pub async fn unfinished(&self) -> Result<Vec<Job>, StoreError> {
        let mut all = Vec::new();
        for lane in 0..LANES {
            let mut pages = self
                .client
                .query()
                .table_name(&self.table)
                .index_name(DUE_INDEX)
                .key_condition_expression("#lane = :lane")
                .expression_attribute_names("#lane", LANE)
                .expression_attribute_values(":lane", AttributeValue::S(lane.to_string()))
                .into_paginator()
                .items()
                .send();
            while let Some(item) = pages.next().await {
                let item = item.map_err(|e| StoreError::Table { doing: "searched", message: words(&e) })?;
                all.extend(readable(item));
            }
        }
        Ok(all)
    }

    /// Puts the jobs on the list of newest ones that were written before there was such a list. Returns how many there were.
    ///
    /// # Errors
    /// When DynamoDB refuses.
    pub async fn put_on_list(&self) -> Result<usize, StoreError> {
        let scan = self.client.scan().table_name(&self.table).expression_attribute_names("#upload", "upload");
        let scan = scan.expression_attribute_names("#branch", "branch").expression_attribute_names("#shelf", SHELF);
        let unlisted = "attribute_exists(#upload) AND attribute_not_exists(#branch) AND attribute_not_exists(#shelf)";
        let mut items = scan.filter_expression(unlisted).into_paginator().items().send();
        let mut put = 0;
        while let Some(item) = items.next().await {
            let item = item.map_err(|e| StoreError::Table { doing: "listed", message: words(&e) })?;
            let Some(job) = readable(item) else { continue };
            let mut update = self.client.update_item().table_name(&self.table);
            update = update.key(ID, AttributeValue::S(job.id.to_string()));
            let mut set = Vec::new();
            for (place, (name, value)) in listed(&job).into_iter().enumerate() {
                set.push(format!("#n{place} = :v{place}"));
                update = update.expression_attribute_names(format!("#n{place}"), name);
                update = update.expression_attribute_values(format!(":v{place}"), value);
            }
            // A row that has expired meanwhile is not to come back as one that is only on a list.
            update = update.condition_expression("attribute_exists(#id)").expression_attribute_names("#id", ID);
            update = update.update_expression(format!("SET {}", set.join(", ")));
            match update.send().await {
                Ok(_) => put += 1,
                Err(error) => only_condition_failed(&error)?,
            }
        }
        Ok(put)
    }

    /// Jobs that pass `filter`, the newest first, at most `most`. It reads the whole table: for people, not for flows.
    ///
    /// # Errors
    /// When DynamoDB refuses or a row is no job.
    pub async fn list(&self, filter: Filter, most: usize) -> Result<Vec<Job>, StoreError> {
        let mut scan = self.client.scan().table_name(&self.table).expression_attribute_names("#upload", "upload");
        // A branch is told as a part of its upload's job.
        let mut conditions = vec!["attribute_exists(#upload)", "attribute_not_exists(#branch)"];
        scan = scan.expression_attribute_names("#branch", "branch");
        if let Some(state) = filter.state {
            conditions.push(match state {
                StateName::Waiting => "(#state.#name = :state OR #state.#name = :branching)",
                _ => "#state.#name = :state",
            });
            if state == StateName::Waiting {
                scan = scan.expression_attribute_values(":branching", AttributeValue::S("branching".into()));
            }
            scan = scan
                .expression_attribute_names("#state", "state")
                .expression_attribute_names("#name", "name")
                .expression_attribute_values(":state", AttributeValue::S(state.to_string()));
        }
        if let Some(provider) = filter.provider {
            conditions.push("begins_with(#route, :provider)");
            scan = scan
                .expression_attribute_names("#route", "route")
                .expression_attribute_values(":provider", AttributeValue::S(format!("{provider}/")));
        }
        let mut items = scan.filter_expression(conditions.join(" AND ")).into_paginator().items().send();
        let mut jobs = Vec::new();
        while let Some(item) = items.next().await {
            let item = item.map_err(|e| StoreError::Table { doing: "listed", message: words(&e) })?;
            jobs.extend(readable(item));
        }
        newest(&mut jobs, most);
        Ok(jobs)
    }

    /// The same with the newest balances, whatever the filter. The table is read once, as for a list, since DynamoDB reads
    /// what it filters out; so balances need no row of their own and no write beside the steps'.
    ///
    /// # Errors
    /// When DynamoDB refuses.
    pub async fn survey(&self, filter: Filter, most: usize) -> Result<Survey, StoreError> {
        let scan = self.client.scan().table_name(&self.table).filter_expression("attribute_exists(#upload)");
        let mut items = scan.expression_attribute_names("#upload", "upload").into_paginator().items().send();
        let mut survey = Survey::default();
        while let Some(item) = items.next().await {
            let item = item.map_err(|e| StoreError::Table { doing: "listed", message: words(&e) })?;
            let Some(job) = readable(item) else { continue };
            for (provider, balance) in job.balances() {
                let newest = survey.balances.entry(provider).or_insert(balance);
                if newest.at < balance.at {
                    *newest = balance;
                }
            }
            if filter.takes(&job) {
                survey.jobs.push(job);
            }
        }
        newest(&mut survey.jobs, most);
        Ok(survey)
    }
}

/// The newest jobs first, and no more than `most`.
fn newest(jobs: &mut Vec<Job>, most: usize) {
    jobs.sort_by(|a, b| b.created_at.cmp(&a.created_at).then_with(|| a.upload.key.cmp(&b.upload.key)));
    jobs.truncate(most);
}
