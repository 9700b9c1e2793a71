//! A provider's row: the rate slots by which any number of functions at once keep to its pace, how many were taken
//! today, and what its clients remember together.

use std::collections::HashMap;

use aws_sdk_dynamodb::{
    error::SdkError,
    types::{AttributeValue, ReturnValue},
};
use jiff::{SignedDuration, Timestamp};

use super::{Jobs, StoreError, holds::read_hold, table::ID, words};
use crate::{
    failpoint::passed,
    job::{Hold, Pace, ProviderName},
};

const NEXT_SLOT: &str = "next_slot_ms";
/// The provider is on hold: nobody takes a slot.
pub(super) const HOLD: &str = "hold";
/// `note_<name>`: a note of the provider's clients.
const NOTE: &str = "note_";
/// `slots_<date>`: how many slots were taken on that day (UTC).
const SLOTS_OF_DAY: &str = "slots_";
/// Counts older than yesterday's are dropped, so many days back: a row does not grow.
const FORGOTTEN_DAYS: std::ops::RangeInclusive<i64> = 2..=8;
/// The first free slot lies behind us.
const IF_FREE: &str = "(attribute_not_exists(#slot) OR #slot <= :now)";
/// The first free slot lies ahead.
const IF_TAKEN: &str = "#slot > :now";
/// The provider may be asked at all, and today.
const IF_OPEN: &str = "attribute_not_exists(#hold) AND (attribute_not_exists(#today) OR #today < :daily)";

/// What became of [`Jobs::reserve_slot`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Slot {
    /// The provider may be asked at this time.
    At(Timestamp),
    /// The provider is on hold.
    Held(Hold),
    /// As many slots as there are for a day have been taken today.
    SpentToday,
}

/// What a provider's row tells a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProviderState {
    /// The hold, if the provider is on hold.
    pub hold: Option<Hold>,
    /// How many slots were taken on the day (UTC): about how often it was asked to work.
    pub slots_today: u64,
    /// The first slot that is free, where it lies ahead.
    pub next_slot_at: Option<Timestamp>,
}

impl Jobs {
    /// What there is to tell of `provider` at `now`.
    ///
    /// # Errors
    /// When DynamoDB refuses.
    pub async fn provider_state(&self, provider: ProviderName, now: Timestamp) -> Result<ProviderState, StoreError> {
        let row = self.provider_row(provider).await?;
        let next_slot_ms = row.get(NEXT_SLOT).and_then(|slot| slot.as_n().ok()?.parse().ok());
        let next_slot_at = next_slot_ms.and_then(|slot_ms| Timestamp::from_millisecond(slot_ms).ok());
        Ok(ProviderState {
            hold: row.get(HOLD).and_then(read_hold),
            slots_today: taken_today(&row, now),
            next_slot_at: next_slot_at.filter(|slot_at| *slot_at > now),
        })
    }

    /// Reserves the next free slot of `provider` and returns when it is: now, or later when others were quicker. There is
    /// none while the provider is on hold, or when the day's slots are used up.
    ///
    /// The row holds the first slot that is still free. Either it lies behind us, then we take now, and the next is a little
    /// farther off than usual (`IF_FREE`), or ahead, then we take it and move it on by one interval (`IF_TAKEN`); both only `IF_OPEN`.
    ///
    /// # Errors
    /// When DynamoDB refuses for another reason than somebody being quicker.
    pub async fn reserve_slot(&self, provider: ProviderName, pace: Pace, now: Timestamp) -> Result<Slot, StoreError> {
        let now_ms = now.as_millisecond();
        let interval_ms = pace.interval_ms();
        loop {
            let free = self
                .slot_update(provider, pace, now)
                .condition_expression(format!("{IF_FREE} AND {IF_OPEN}"))
                .update_expression(format!("SET #slot = :next {COUNT_TODAY}"))
                .expression_attribute_values(":now", AttributeValue::N(now_ms.to_string()))
                .expression_attribute_values(
                    ":next",
                    AttributeValue::N((now_ms + interval_ms + pace.warm_up_ms()).to_string()),
                )
                .send()
                .await;
            match free {
                Ok(_) => {
                    passed("provider.slot");
                    return Ok(Slot::At(now));
                }
                Err(error) => only_condition_failed(&error)?,
            }
            let taken = self
                .slot_update(provider, pace, now)
                .condition_expression(format!("{IF_TAKEN} AND {IF_OPEN}"))
                .update_expression(format!("SET #slot = #slot + :interval {COUNT_TODAY}"))
                .expression_attribute_values(":now", AttributeValue::N(now_ms.to_string()))
                .expression_attribute_values(":interval", AttributeValue::N(interval_ms.to_string()))
                .return_values(ReturnValue::UpdatedNew)
                .send()
                .await;
            match taken {
                Ok(output) => {
                    passed("provider.slot");
                    let next_ms = output
                        .attributes
                        .as_ref()
                        .and_then(|attributes| attributes.get(NEXT_SLOT)?.as_n().ok()?.parse::<i64>().ok());
                    let slot_ms = next_ms.unwrap_or(now_ms + interval_ms) - interval_ms;
                    return Ok(Slot::At(Timestamp::from_millisecond(slot_ms).unwrap_or(now)));
                }
                Err(error) => only_condition_failed(&error)?,
            }
            let row = self.provider_row(provider).await?;
            if let Some(hold) = row.get(HOLD).and_then(read_hold) {
                return Ok(Slot::Held(hold));
            }
            if taken_today(&row, now) >= daily(pace) {
                return Ok(Slot::SpentToday);
            }
        }
    }

    fn slot_update(
        &self,
        provider: ProviderName,
        pace: Pace,
        now: Timestamp,
    ) -> aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder {
        let update = self
            .client
            .update_item()
            .table_name(&self.table)
            .key(ID, key(provider))
            .expression_attribute_names("#slot", NEXT_SLOT)
            .expression_attribute_names("#hold", HOLD)
            .expression_attribute_names("#today", slots_of_day(now, 0))
            .expression_attribute_values(":daily", AttributeValue::N(daily(pace).to_string()))
            .expression_attribute_values(":one", AttributeValue::N("1".into()));
        FORGOTTEN_DAYS.fold(update, |update, days| {
            update.expression_attribute_names(format!("#d{days}"), slots_of_day(now, days))
        })
    }

    /// How many slots of `provider` were taken on the day (UTC) of `now`: about how often it was asked to work.
    ///
    /// # Errors
    /// When DynamoDB refuses.
    pub async fn slots_today(&self, provider: ProviderName, now: Timestamp) -> Result<u64, StoreError> {
        Ok(taken_today(&self.provider_row(provider).await?, now))
    }

    /// What the clients of `provider` noted under `name`.
    ///
    /// # Errors
    /// When DynamoDB refuses.
    pub async fn note(&self, provider: ProviderName, name: &str) -> Result<Option<String>, StoreError> {
        let row = self.provider_row(provider).await?;
        Ok(row.get(&format!("{NOTE}{name}")).and_then(|note| note.as_s().ok()).cloned())
    }

    /// Writes a note if it is still `old` (`IF_STILL`), or if there is none (`IF_NONE`). False: somebody was quicker.
    ///
    /// # Errors
    /// When DynamoDB refuses for another reason.
    pub async fn replace_note(
        &self,
        provider: ProviderName,
        name: &str,
        old: Option<&str>,
        new: &str,
    ) -> Result<bool, StoreError> {
        const IF_STILL: &str = "#note = :old";
        const IF_NONE: &str = "attribute_not_exists(#note)";
        let update = self
            .client
            .update_item()
            .table_name(&self.table)
            .key(ID, key(provider))
            .condition_expression(if old.is_some() { IF_STILL } else { IF_NONE })
            .update_expression("SET #note = :new")
            .expression_attribute_names("#note", format!("{NOTE}{name}"))
            .expression_attribute_values(":new", AttributeValue::S(new.to_owned()));
        let update = match old {
            Some(old) => update.expression_attribute_values(":old", AttributeValue::S(old.to_owned())),
            None => update,
        };
        match update.send().await {
            Ok(_) => {
                passed("provider.note");
                Ok(true)
            }
            Err(error) => only_condition_failed(&error).map(|()| false),
        }
    }

    /// The whole row; empty where there is none yet.
    pub(super) async fn provider_row(
        &self,
        provider: ProviderName,
    ) -> Result<HashMap<String, AttributeValue>, StoreError> {
        let get = self.client.get_item().table_name(&self.table).key(ID, key(provider)).consistent_read(true);
        let output = get.send().await.map_err(|e| StoreError::Table { doing: "read", message: words(&e) })?;
        Ok(output.item.unwrap_or_default())
    }
}

/// Counts a slot and drops the counts of days long past.
const COUNT_TODAY: &str = "REMOVE #d2, #d3, #d4, #d5, #d6, #d7, #d8 ADD #today :one";

fn slots_of_day(now: Timestamp, days_ago: i64) -> String {
    let day = now.saturating_sub(SignedDuration::from_hours(24 * days_ago)).unwrap_or(now);
    format!("{SLOTS_OF_DAY}{}", day.strftime("%Y-%m-%d"))
}

fn taken_today(row: &HashMap<String, AttributeValue>, now: Timestamp) -> u64 {
    let count = row.get(&slots_of_day(now, 0)).and_then(|count| count.as_n().ok()?.parse().ok());
    count.unwrap_or_default()
}

fn daily(pace: Pace) -> u64 {
    pace.most_per_day.unwrap_or(u64::MAX)
}

/// The key of a provider's row.
pub(super) fn key(provider: ProviderName) -> AttributeValue {
    AttributeValue::S(format!("provider#{provider}"))
}

pub(super) fn only_condition_failed<R: std::fmt::Debug>(
    error: &SdkError<aws_sdk_dynamodb::operation::update_item::UpdateItemError, R>,
) -> Result<(), StoreError> {
    match error {
        SdkError::ServiceError(service) if service.err().is_conditional_check_failed_exception() => Ok(()),
        _ => Err(StoreError::Table { doing: "written", message: words(error) }),
    }
}
