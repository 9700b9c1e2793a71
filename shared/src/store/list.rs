//! Many jobs at once: for the start of the one-machine host, and for what people rarely do. No flow's way of an image leads
//! through here. Lists that people look at are made of pages ([`super::pages`]).

use aws_sdk_dynamodb::types::AttributeValue;

use super::{
    Jobs, StoreError,
    provider_row::only_condition_failed,
    row::{LANES, listed, readable},
    table::{DUE_INDEX, ID, LANE, SHELF},
    words,
};
use crate::job::Job;

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

    /// The jobs of all uploads, in no order. It reads the whole table.
    ///
    /// # Errors
    /// When DynamoDB refuses.
    pub async fn of_all_uploads(&self) -> Result<Vec<Job>, StoreError> {
        self.scanned("").await
    }

    /// The jobs of uploads whose id begins with `beginning`, in no order. It reads the whole table.
    ///
    /// # Errors
    /// When DynamoDB refuses.
    pub async fn beginning_with(&self, beginning: &str) -> Result<Vec<Job>, StoreError> {
        self.scanned(beginning).await
    }

    async fn scanned(&self, beginning: &str) -> Result<Vec<Job>, StoreError> {
        // A branch is told as a part of its upload's job.
        let mut conditions = vec!["attribute_exists(#upload)", "attribute_not_exists(#branch)"];
        let mut scan = self.client.scan().table_name(&self.table).expression_attribute_names("#upload", "upload");
        scan = scan.expression_attribute_names("#branch", "branch");
        if !beginning.is_empty() {
            conditions.push("begins_with(#id, :beginning)");
            scan = scan.expression_attribute_names("#id", ID);
            scan = scan.expression_attribute_values(":beginning", AttributeValue::S(beginning.to_owned()));
        }
        let mut items = scan.filter_expression(conditions.join(" AND ")).into_paginator().items().send();
        let mut jobs = Vec::new();
        while let Some(item) = items.next().await {
            let item = item.map_err(|e| StoreError::Table { doing: "listed", message: words(&e) })?;
            jobs.extend(readable(item));
        }
        Ok(jobs)
    }
}
