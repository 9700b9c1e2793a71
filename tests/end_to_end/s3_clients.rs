//! The embedded S3 as other people's clients use it.

use std::time::Duration;

use aws_sdk_s3::{
    presigning::PresigningConfig,
    primitives::ByteStream,
    types::{ChecksumAlgorithm, CompletedMultipartUpload, CompletedPart, EncodingType},
};

use crate::world::{COFFEE, World, picture};

#[tokio::test(flavor = "multi_thread")]
async fn a_multipart_upload_a_copy_and_a_checksum_make_jobs_too() {
    let serve = World::new().serve();
    let s3 = serve.s3();
    let long = format!("uploads/watermark/default/{}.jpg", "многотомная загрузка ".repeat(5));
    for key in ["uploads/watermark/multipart.jpg", &long] {
        let upload = s3.create_multipart_upload().bucket("darkroom").key(key).send().await.unwrap();
        let id = upload.upload_id.unwrap();
        let part = s3.upload_part().bucket("darkroom").key(key).upload_id(&id).part_number(1);
        let part = part.body(ByteStream::from_static(COFFEE)).send().await.unwrap();
        let part = CompletedPart::builder().part_number(1).set_e_tag(part.e_tag).build();
        let parts = CompletedMultipartUpload::builder().parts(part).build();
        let complete = s3.complete_multipart_upload().bucket("darkroom").key(key).upload_id(&id);
        complete.multipart_upload(parts).send().await.unwrap();
        let (document, _) = serve.done(key).await;
        assert_eq!(document["upload"]["bytes"], COFFEE.len());
    }

    s3.copy_object()
        .bucket("darkroom")
        .copy_source("darkroom/uploads/watermark/multipart.jpg")
        .key("uploads/watermark/copied.jpg")
        .send()
        .await
        .unwrap();
    serve.done("uploads/watermark/copied.jpg").await;

    let body = ByteStream::from(picture(1));
    let put = s3.put_object().bucket("darkroom").key("uploads/watermark/checked.png").body(body);
    put.checksum_algorithm(ChecksumAlgorithm::Sha256).send().await.unwrap();
    serve.done("uploads/watermark/checked.png").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn results_can_be_listed_and_shared() {
    let serve = World::new().serve();
    let s3 = serve.s3();
    serve.put("uploads/watermark/a + b/лето.jpg", COFFEE).await;
    serve.put("uploads/watermark/a + b.jpg", COFFEE).await;
    serve.done("uploads/watermark/a + b.jpg").await;
    let listing = s3.list_objects_v2().bucket("darkroom").prefix("results/watermark/a + b.jpg/");
    let plain = listing.clone().send().await.unwrap();
    let keys: Vec<&str> = plain.contents().iter().filter_map(|object| object.key()).collect();
    assert_eq!(keys, ["results/watermark/a + b.jpg/a + b.jpg", "results/watermark/a + b.jpg/job.json"]);
    // What boto3 and the AWS command line ask for, and decode as a form.
    let encoded = listing.encoding_type(EncodingType::Url).send().await.unwrap();
    assert_eq!(encoded.contents()[0].key(), Some("results/watermark/a+%2B+b.jpg/a+%2B+b.jpg"));

    let presigned = s3.get_object().bucket("darkroom").key(keys[0]);
    let presigned = presigned.presigned(PresigningConfig::expires_in(Duration::from_secs(60)).unwrap()).await.unwrap();
    let _ = rustls::crypto::ring::default_provider().install_default();
    let shared = reqwest::Client::builder().no_proxy().build().unwrap().get(presigned.uri()).send().await.unwrap();
    assert_eq!(shared.status(), 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_keys_and_parts_that_leave_the_folder_are_refused() {
    let serve = World::new().serve();
    let put = |key: &'static str| {
        serve.s3().put_object().bucket("darkroom").key(key).body(ByteStream::from_static(COFFEE)).send()
    };
    assert!(put("uploads/watermark/../../../outside.jpg").await.is_err());
    let stranger = aws_sdk_s3::config::Credentials::new("stranger", "guess", None, None, "test");
    let config = serve.s3().config().to_builder().credentials_provider(stranger).build();
    let refused = aws_sdk_s3::Client::from_conf(config).list_objects_v2().bucket("darkroom").send().await;
    assert!(refused.is_err());
}
