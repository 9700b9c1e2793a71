//! Rate slots: any number of functions at once keep to one provider's pace, through one row of the table.

use aws_sdk_dynamodb::{
    error::SdkError,
    types::{AttributeValue, ReturnValue},
};
use jiff::Timestamp;

use super::{Jobs, StoreError, table::ID, words};
use crate::job::{Pace, ProviderName};

const NEXT_SLOT: &str = "next_slot_ms";
/// The first free slot lies behind us.
const IF_FREE: &str = "attribute_not_exists(#slot) OR #slot <= :now";
/// The first free slot lies ahead.
const IF_TAKEN: &str = "#slot > :now";

impl Jobs {
    /// Reserves the next free slot of `provider` and returns when it is: now, or later when others were quicker.
    ///
    /// The row holds the first slot that is still free. Either it lies behind us, then we take now
    /// (`IF_FREE`), or ahead, then we take it and move it on by one interval (`IF_TAKEN`).
    ///
    /// # Errors
    /// When DynamoDB refuses for another reason than somebody being quicker.
    pub async fn reserve_slot(
        &self,
        provider: ProviderName,
        pace: Pace,
        now: Timestamp,
    ) -> Result<Timestamp, StoreError> {
        let now_ms = now.as_millisecond();
        let interval_ms = pace.interval_ms();
        loop {
            let free = self
                .slot_update(provider)
                .condition_expression(IF_FREE)
                .update_expression("SET #slot = :next")
                .expression_attribute_values(":now", AttributeValue::N(now_ms.to_string()))
                .expression_attribute_values(":next", AttributeValue::N((now_ms + interval_ms).to_string()))
                .send()
                .await;
            match free {
                Ok(_) => return Ok(now),
                Err(error) => only_condition_failed(&error)?,
            }
            let taken = self
                .slot_update(provider)
                .condition_expression(IF_TAKEN)
                .update_expression("SET #slot = #slot + :interval")
                .expression_attribute_values(":now", AttributeValue::N(now_ms.to_string()))
                .expression_attribute_values(":interval", AttributeValue::N(interval_ms.to_string()))
                .return_values(ReturnValue::UpdatedNew)
                .send()
                .await;
            match taken {
                Ok(output) => {
                    let next_ms = output
                        .attributes
                        .as_ref()
                        .and_then(|attributes| attributes.get(NEXT_SLOT)?.as_n().ok()?.parse::<i64>().ok());
                    let slot_ms = next_ms.unwrap_or(now_ms + interval_ms) - interval_ms;
                    return Ok(Timestamp::from_millisecond(slot_ms).unwrap_or(now));
                }
                Err(error) => only_condition_failed(&error)?,
            }
        }
    }

    fn slot_update(
        &self,
        provider: ProviderName,
    ) -> aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder {
        self.client
            .update_item()
            .table_name(&self.table)
            .key(ID, AttributeValue::S(format!("provider#{provider}")))
            .expression_attribute_names("#slot", NEXT_SLOT)
    }
}

fn only_condition_failed<R: std::fmt::Debug>(
    error: &SdkError<aws_sdk_dynamodb::operation::update_item::UpdateItemError, R>,
) -> Result<(), StoreError> {
    match error {
        SdkError::ServiceError(service) if service.err().is_conditional_check_failed_exception() => Ok(()),
        _ => Err(StoreError::Table { doing: "asked for a rate slot", message: words(error) }),
    }
}
