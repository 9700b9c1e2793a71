//! Holds in a provider's row. A change names the hold that it found, so that of many who find one, one goes on.

use aws_sdk_dynamodb::types::AttributeValue;

use super::{
    Jobs, StoreError,
    provider_row::{HOLD, key, only_condition_failed},
    table::ID,
};
use crate::{
    failpoint::passed,
    job::{Hold, ProviderName},
};

/// There is no hold.
const IF_NONE: &str = "attribute_not_exists(#hold)";
/// The hold is the one that was found.
const IF_STILL: &str = "#hold = :found";

impl Jobs {
    /// The hold of `provider`, if it is on hold.
    ///
    /// # Errors
    /// When DynamoDB refuses.
    pub async fn hold(&self, provider: ProviderName) -> Result<Option<Hold>, StoreError> {
        Ok(self.provider_row(provider).await?.get(HOLD).and_then(read_hold))
    }

    /// Puts `new` in the place of the hold `found`, or of none. False: somebody was quicker.
    ///
    /// # Errors
    /// When DynamoDB refuses for another reason.
    pub async fn replace_hold(
        &self,
        provider: ProviderName,
        found: Option<&Hold>,
        new: Option<&Hold>,
    ) -> Result<bool, StoreError> {
        let mut update = self
            .client
            .update_item()
            .table_name(&self.table)
            .key(ID, key(provider))
            .condition_expression(if found.is_some() { IF_STILL } else { IF_NONE })
            .update_expression(if new.is_some() { "SET #hold = :new" } else { "REMOVE #hold" })
            .expression_attribute_names("#hold", HOLD);
        for (name, hold) in [(":found", found), (":new", new)] {
            if let Some(hold) = hold {
                update = update.expression_attribute_values(name, written(hold));
            }
        }
        match update.send().await {
            Ok(_) => {
                passed("provider.hold");
                Ok(true)
            }
            Err(error) => only_condition_failed(&error).map(|()| false),
        }
    }
}

/// A hold as it stands in the row: text, so that a condition can compare the whole of it.
fn written(hold: &Hold) -> AttributeValue {
    // A hold is plain data; there is nothing in it that JSON could not say.
    AttributeValue::S(serde_json::to_string(hold).unwrap_or_default())
}

/// Reads a hold from the row.
pub(super) fn read_hold(value: &AttributeValue) -> Option<Hold> {
    serde_json::from_str(value.as_s().ok()?).ok()
}
