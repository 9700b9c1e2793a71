//! The function webhook on a Lambda runtime endpoint.

mod lambda;

use lambda::invoke;

const FUNCTION: &str = env!("CARGO_BIN_EXE_webhook");

#[tokio::test]
async fn a_forged_callback_learns_nothing() {
    let answer = invoke(FUNCTION, &[], include_str!("../../events/callback-forged.json")).await.unwrap();
    assert_eq!(answer["statusCode"], 404);
    assert!(answer["body"].as_str().unwrap_or_default().is_empty(), "{answer}");
}

#[tokio::test]
async fn a_right_token_for_a_job_that_is_gone_is_not_found_either() {
    // base64url of HMAC-SHA256("secret", "watermark:0123456789abcdef0123456789abcdef").
    let event = include_str!("../../events/callback-forged.json")
        .replace("/forged", "/gnx_45RFAA7fHMa6O7KK57rr5cpTpJe1wAezTQQJyrU");
    let answer = invoke(FUNCTION, &[], &event).await.unwrap();
    assert_eq!(answer["statusCode"], 404);
}
