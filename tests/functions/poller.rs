//! The function poller on a Lambda runtime endpoint.

mod lambda;

use lambda::{invoke, invoke_and_listen, stores};

const FUNCTION: &str = env!("CARGO_BIN_EXE_poller");

#[tokio::test]
async fn with_nothing_due_it_is_done_at_once() {
    assert!(invoke(FUNCTION, &[], include_str!("../../events/schedule.json")).await.is_ok());
}

#[tokio::test]
async fn it_starts_without_the_providers_that_nobody_uses() {
    let unused = [("FANGTANG_THIRD_CODE", ""), ("FANGTANG_SECRET_KEY", "")];
    assert!(invoke(FUNCTION, &unused, include_str!("../../events/schedule.json")).await.is_ok());
}

#[tokio::test]
async fn a_row_that_cannot_be_read_is_told_once_and_left_alone_for_an_hour() {
    use aws_sdk_dynamodb::types::AttributeValue;
    let stores = stores().await;
    let client = darkroom_shared::aws::dynamodb(&darkroom_shared::aws::local("test", "test"), Some(&stores));
    let row = client
        .put_item()
        .table_name("darkroom")
        .item("id", AttributeValue::S("0123456789abcdef0123456789abcdef".into()))
        .item("upload", AttributeValue::S("damaged".into()))
        .item("lane", AttributeValue::S("3".into()))
        .item("due_at", AttributeValue::N("1000".into()));
    row.send().await.unwrap();
    for told in [1, 0] {
        let event = include_str!("../../events/schedule.json");
        let (answer, log) = invoke_and_listen(&stores, FUNCTION, &[], event).await;
        assert!(answer.is_ok());
        assert_eq!(log.matches("cannot be read").count(), told, "{log}");
    }
}

#[tokio::test]
async fn without_its_table_it_fails_and_says_so() {
    let wrong = [("DARKROOM_TABLE", "another")];
    let failed = invoke(FUNCTION, &wrong, include_str!("../../events/schedule.json")).await.unwrap_err();
    assert!(failed["errorMessage"].as_str().unwrap().contains("table"), "{failed}");
}
