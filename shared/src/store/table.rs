//! The table as it has to be, in one place: the local host makes it from this, and a test holds the deployment's
//! templates against it.

use aws_sdk_dynamodb::{
    Client,
    types::{
        AttributeDefinition, BillingMode, CreateGlobalSecondaryIndexAction, GlobalSecondaryIndex,
        GlobalSecondaryIndexUpdate, KeySchemaElement, KeyType, Projection, ProjectionType, ScalarAttributeType,
        TimeToLiveSpecification,
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
/// The sparse index of the jobs of uploads: hash key [`SHELF`], range key [`MADE_AT`], with [`NEWEST_ATTRIBUTES`].
pub const NEWEST_INDEX: &str = "newest";
/// What [`NEWEST_INDEX`] holds beside the keys: what a list can be filtered by without reading each job.
pub const NEWEST_ATTRIBUTES: [&str; 3] = [ROUTE, SEARCH, ENDED];
/// [`UPLOADS_SHELF`] where the row is the job of an upload; absent for branches.
pub(super) const SHELF: &str = "shelf";
/// The one shelf there is. One partition of an index takes 1 000 writes a second: 500 images a second.
pub(super) const UPLOADS_SHELF: &str = "uploads";
/// When the job was made, and its id: `<milliseconds since 1970>#<id>`.
pub(super) const MADE_AT: &str = "made_at";
/// The upload's key in lower-case letters, to be searched.
pub(super) const SEARCH: &str = "search";
/// `done` or `failed`; absent until then.
pub(super) const ENDED: &str = "ended";
/// The job's route, as `provider/preset`.
pub(super) const ROUTE: &str = "route";
/// When DynamoDB may delete the row of a job that has ended: seconds since 1970.
pub const TTL_ATTRIBUTE: &str = "expires_at";

/// Makes the table, unless it is there.
///
/// # Errors
/// When DynamoDB refuses.
pub async fn create_table(client: &Client, table: &str) -> Result<(), StoreError> {
    if client.describe_table().table_name(table).send().await.is_ok() {
        return Ok(());
    }
    let mut create = client.create_table().table_name(table).billing_mode(BillingMode::PayPerRequest);
    for (name, kind) in ATTRIBUTES {
        create = create.attribute_definitions(attribute(name, kind)?);
    }
    create
        .key_schema(key(ID, KeyType::Hash)?)
        .global_secondary_indexes(due()?)
        .global_secondary_indexes(newest()?)
        .send()
        .await
        .map_err(|e| failed(words(&e)))?;
    let ttl = TimeToLiveSpecification::builder().attribute_name(TTL_ATTRIBUTE).enabled(true).build();
    client
        .update_time_to_live()
        .table_name(table)
        .time_to_live_specification(ttl.map_err(|e| failed(e.to_string()))?)
        .send()
        .await
        .map_err(|e| failed(words(&e)))?;
    Ok(())
}

/// Whether a table was made before there was a list of newest jobs.
///
/// # Errors
/// When DynamoDB refuses.
pub async fn lacks_newest_index(client: &Client, table: &str) -> Result<bool, StoreError> {
    let described = client.describe_table().table_name(table).send().await.map_err(|e| failed(words(&e)))?;
    let indexes = described.table.and_then(|table| table.global_secondary_indexes).unwrap_or_default();
    Ok(!indexes.iter().any(|index| index.index_name() == Some(NEWEST_INDEX)))
}

/// Gives such a table the index. The rows that are there are put on the list before, by [`super::Jobs::put_on_list`].
///
/// # Errors
/// When DynamoDB refuses.
pub async fn add_newest_index(client: &Client, table: &str) -> Result<(), StoreError> {
    let newest = newest()?;
    let create = CreateGlobalSecondaryIndexAction::builder()
        .index_name(NEWEST_INDEX)
        .set_key_schema(Some(newest.key_schema))
        .set_projection(newest.projection)
        .build()
        .map_err(|e| failed(e.to_string()))?;
    let mut update = client.update_table().table_name(table);
    for (name, kind) in ATTRIBUTES {
        update = update.attribute_definitions(attribute(name, kind)?);
    }
    let change = GlobalSecondaryIndexUpdate::builder().create(create).build();
    update.global_secondary_index_updates(change).send().await.map_err(|e| failed(words(&e)))?;
    Ok(())
}

/// What keys are made of.
const ATTRIBUTES: [(&str, ScalarAttributeType); 5] = [
    (ID, ScalarAttributeType::S),
    (LANE, ScalarAttributeType::S),
    (DUE_AT, ScalarAttributeType::N),
    (SHELF, ScalarAttributeType::S),
    (MADE_AT, ScalarAttributeType::S),
];

fn failed(message: String) -> StoreError {
    StoreError::Table { doing: "created", message }
}

fn attribute(name: &str, kind: ScalarAttributeType) -> Result<AttributeDefinition, StoreError> {
    let attribute = AttributeDefinition::builder().attribute_name(name).attribute_type(kind).build();
    attribute.map_err(|e| failed(e.to_string()))
}

fn key(name: &str, kind: KeyType) -> Result<KeySchemaElement, StoreError> {
    let key = KeySchemaElement::builder().attribute_name(name).key_type(kind).build();
    key.map_err(|e| failed(e.to_string()))
}

fn index(name: &str, hash: &str, range: &str, projection: Projection) -> Result<GlobalSecondaryIndex, StoreError> {
    let index = GlobalSecondaryIndex::builder()
        .index_name(name)
        .key_schema(key(hash, KeyType::Hash)?)
        .key_schema(key(range, KeyType::Range)?)
        .projection(projection)
        .build();
    index.map_err(|e| failed(e.to_string()))
}

fn due() -> Result<GlobalSecondaryIndex, StoreError> {
    let all = Projection::builder().projection_type(ProjectionType::All).build();
    index(DUE_INDEX, LANE, DUE_AT, all)
}

fn newest() -> Result<GlobalSecondaryIndex, StoreError> {
    let some = Projection::builder().projection_type(ProjectionType::Include);
    let some = NEWEST_ATTRIBUTES.iter().fold(some, |some, name| some.non_key_attributes(*name)).build();
    index(NEWEST_INDEX, SHELF, MADE_AT, some)
}
