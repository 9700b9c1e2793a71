//! The table as it has to be, in one place: the local host makes it from this, and a test holds the deployment's
//! templates against it.

use aws_sdk_dynamodb::{
    Client,
    types::{
        AttributeDefinition, BillingMode, GlobalSecondaryIndex, KeySchemaElement, KeyType, Projection, ProjectionType,
        ScalarAttributeType, TimeToLiveSpecification,
    },
};

use super::{StoreError, words};

/// The row's name; for jobs, the job's id.
pub(super) const ID: &str = "id";
/// The sparse index of unfinished jobs: hash key [`LANE`], range key [`DUE_AT`].
pub const DUE_INDEX: &str = "due";
/// One of [`super::LANES`], so that no single partition holds every unfinished job. Absent once the job has ended.
pub(super) const LANE: &str = "lane";
/// When the job has to be looked at: milliseconds since 1970. Absent once the job has ended.
pub(super) const DUE_AT: &str = "due_at";
/// When DynamoDB may delete the row of a job that has ended: seconds since 1970.
pub const TTL_ATTRIBUTE: &str = "expires_at";

/// Makes the table, unless it is there.
///
/// # Errors
/// When DynamoDB refuses.
pub async fn create_table(client: &Client, table: &str) -> Result<(), StoreError> {
    let failed = |message: String| StoreError::Table { doing: "created", message };
    if client.describe_table().table_name(table).send().await.is_ok() {
        return Ok(());
    }
    let attribute = |name: &str, kind: ScalarAttributeType| {
        AttributeDefinition::builder().attribute_name(name).attribute_type(kind).build()
    };
    let key = |name: &str, kind: KeyType| KeySchemaElement::builder().attribute_name(name).key_type(kind).build();
    let index = GlobalSecondaryIndex::builder()
        .index_name(DUE_INDEX)
        .key_schema(key(LANE, KeyType::Hash).map_err(|e| failed(e.to_string()))?)
        .key_schema(key(DUE_AT, KeyType::Range).map_err(|e| failed(e.to_string()))?)
        .projection(Projection::builder().projection_type(ProjectionType::All).build())
        .build()
        .map_err(|e| failed(e.to_string()))?;
    let mut create = client.create_table().table_name(table).billing_mode(BillingMode::PayPerRequest);
    for (name, kind) in [(ID, ScalarAttributeType::S), (LANE, ScalarAttributeType::S), (DUE_AT, ScalarAttributeType::N)]
    {
        create = create.attribute_definitions(attribute(name, kind).map_err(|e| failed(e.to_string()))?);
    }
    create
        .key_schema(key(ID, KeyType::Hash).map_err(|e| failed(e.to_string()))?)
        .global_secondary_indexes(index)
        .send()
        .await
        .map_err(|e| failed(words(&e)))?;
    let ttl = TimeToLiveSpecification::builder()
        .attribute_name(TTL_ATTRIBUTE)
        .enabled(true)
        .build()
        .map_err(|e| failed(e.to_string()))?;
    client
        .update_time_to_live()
        .table_name(table)
        .time_to_live_specification(ttl)
        .send()
        .await
        .map_err(|e| failed(words(&e)))?;
    Ok(())
}
