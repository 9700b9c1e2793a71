//! The function poller on a Lambda runtime endpoint.

mod lambda;

use lambda::invoke;

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
async fn without_its_table_it_fails_and_says_so() {
    let wrong = [("DARKROOM_TABLE", "another")];
    let failed = invoke(FUNCTION, &wrong, include_str!("../../events/schedule.json")).await.unwrap_err();
    assert!(failed["errorMessage"].as_str().unwrap().contains("table"), "{failed}");
}
