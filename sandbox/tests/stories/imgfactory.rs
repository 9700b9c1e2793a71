//! Stories of imgfactory, told over HTTP.

use std::collections::HashSet;
use std::io::{Cursor, Read};
use std::time::Duration;

use crate::common::{Running, jpeg, md5_hex, until};
use darkroom_sandbox::credentials::IMGFACTORY_TOKEN;
use reqwest::StatusCode;
use reqwest::multipart::{Form, Part};
use serde_json::{Value, json};
use zip::ZipArchive;

fn images(names: &[(&str, Vec<u8>)]) -> Form {
    names.iter().fold(Form::new(), |form, (name, content)| {
        form.part("images[]", Part::bytes(content.clone()).file_name((*name).to_owned()))
    })
}

impl Running {
    async fn submit(&self, query: &str, form: Form) -> (StatusCode, Value) {
        let url = format!("{}/async/unique?{query}", self.sandbox.imgfactory_url());
        let request = self.client.post(url).header("Authorization", IMGFACTORY_TOKEN);
        let reply = request.multipart(form).send().await.unwrap();
        (reply.status(), reply.json().await.unwrap())
    }

    async fn submitted(&self, query: &str, form: Form) -> String {
        let (status, reply) = self.submit(query, form).await;
        assert_eq!(status, 200, "{reply}");
        assert_eq!(reply["type"], "success");
        reply["task_id"].as_str().unwrap().to_owned()
    }

    async fn tasks(&self, query: &str) -> (StatusCode, Value) {
        let url = format!("{}/tasks{query}", self.sandbox.imgfactory_url());
        let request = self.client.get(url).header("Authorization", IMGFACTORY_TOKEN);
        let reply = request.send().await.unwrap();
        (reply.status(), reply.json().await.unwrap())
    }

    async fn done(&self, id: &str) -> Value {
        for _ in 0..500 {
            let (status, reply) = self.tasks(&format!("?task_id={id}")).await;
            assert_eq!(status, 200);
            if reply["detail"][0]["status"] == "DONE" {
                return reply["detail"][0].clone();
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("the task was never done");
    }

    async fn zip(&self, task: &Value) -> ZipArchive<Cursor<Vec<u8>>> {
        let reply = self.client.get(task["result"].as_str().unwrap()).send().await.unwrap();
        assert_eq!(reply.status(), 200);
        ZipArchive::new(Cursor::new(reply.bytes().await.unwrap().to_vec())).unwrap()
    }
}

#[tokio::test]
async fn task_lives_from_pending_to_its_zip() {
    let folder = tempfile::tempdir().unwrap();
    let running = Running::start(folder.path()).await;
    running.sandbox.faults().imgfactory.hold_tasks(true);
    let form = images(&[("Кошка.jpg", jpeg(1)), ("b.jpg", jpeg(2))]);
    let id = running.submitted("copies=3&names=2&exif=1", form).await;

    let (_, reply) = running.tasks(&format!("?task_id={id}")).await;
    let task = &reply["detail"][0];
    assert_eq!(task["id"], id);
    assert_eq!(
        (&task["status"], &task["files"], &task["copies"], &task["percent"], &task["result"]),
        (&json!("PENDING"), &json!("2"), &json!("3"), &Value::Null, &Value::Null)
    );
    assert_eq!(task["created_at"].as_str().unwrap().len(), "2022-03-12 12:17:35".len());

    running.sandbox.faults().imgfactory.hold_tasks(false);
    let task = running.done(&id).await;
    assert_eq!(task["percent"], "100");
    let url = format!("/sandbox/imgfactory/storage/uploads/api/{id}.zip");
    assert!(task["result"].as_str().unwrap().ends_with(&url));

    let mut zip = running.zip(&task).await;
    let names: Vec<String> =
        (0..zip.len()).map(|index| zip.by_index(index).unwrap().name().unwrap().into_owned()).collect();
    assert_eq!(names, ["Кошка_1.jpg", "Кошка_2.jpg", "Кошка_3.jpg", "b_1.jpg", "b_2.jpg", "b_3.jpg"]);
    let mut pictures = HashSet::new();
    for index in 0..zip.len() {
        let mut content = Vec::new();
        zip.by_index(index).unwrap().read_to_end(&mut content).unwrap();
        assert!(content.windows(6).any(|bytes| bytes == b"Exif\0\0"), "EXIF was asked for");
        pictures.insert(image::load_from_memory(&content).unwrap().into_rgb8().into_raw());
    }
    assert_eq!(pictures.len(), 6, "no two copies are alike");

    let charges = running.sandbox.ledger().charges;
    assert_eq!(charges.len(), 2);
    assert_eq!(charges[0].image_md5, md5_hex(&jpeg(1)));
    assert_eq!(charges[0].file_name, "Кошка.jpg");
    assert_eq!(running.asked("imgfactory async/unique"), 1);
}

#[tokio::test]
async fn one_image_comes_back_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let running = Running::start(folder.path()).await;
    let url = format!("{}/sync/single/unique", running.sandbox.imgfactory_url());
    let post = |form| running.client.post(&url).header("Authorization", IMGFACTORY_TOKEN).multipart(form);
    let form = Form::new().part("image", Part::bytes(jpeg(1)).file_name("a.jpg"));
    let reply = post(form).send().await.unwrap();
    assert_eq!(reply.headers()["content-type"], "image/jpeg");
    let content = reply.bytes().await.unwrap();
    assert_ne!(content, jpeg(1));
    assert_eq!(image::load_from_memory(&content).unwrap().width(), 96);
    assert_eq!(running.charges(), 1);

    let reply = post(Form::new().text("a", "b")).send().await.unwrap();
    assert_eq!(reply.status(), 400);
    assert_eq!(
        reply.json::<Value>().await.unwrap(),
        json!({"type": "validation error", "detail": {"image": ["Поле image обязательно для заполнения."]}})
    );
}

#[tokio::test]
async fn what_is_wrong_is_said_as_documented_and_costs_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let running = Running::start(folder.path()).await;
    let base = running.sandbox.imgfactory_url();

    for (header, detail) in [
        (None, "Authorization required"),
        (Some("wrong".to_owned()), "Invalid token"),
        (Some(format!("Bearer {IMGFACTORY_TOKEN}")), "Invalid token"),
    ] {
        let mut request = running.client.get(format!("{base}/tasks"));
        if let Some(header) = header {
            request = request.header("Authorization", header);
        }
        let reply = request.send().await.unwrap();
        assert_eq!(reply.status(), 401);
        assert_eq!(reply.json::<Value>().await.unwrap(), json!({"type": "auth error", "detail": detail}));
    }

    assert_eq!(
        running.submit("", Form::new().text("a", "b")).await,
        (
            StatusCode::BAD_REQUEST,
            json!({"type": "validation error", "detail": {"images": ["Поле images обязательно для заполнения."]}})
        )
    );
    let (status, reply) = running.submit("", images(&[("a.jpg", b"no image".to_vec())])).await;
    assert_eq!(status, 400);
    assert!(reply["detail"]["images.0"].is_array(), "{reply}");
    let (status, reply) = running.submit("copies=0&exif=3", images(&[("a.jpg", jpeg(1))])).await;
    assert_eq!((status, &reply["type"]), (StatusCode::BAD_REQUEST, &json!("validation error")));
    assert!(reply["detail"]["copies"].is_array() && reply["detail"]["self_exif_id"].is_array());

    assert_eq!(
        running.tasks("?task_id=41572e60-a1e5-11ec-84ce-cb7091c1043d").await,
        (StatusCode::BAD_REQUEST, json!({"type": "search error", "detail": "Task not found"}))
    );
    assert_eq!(
        running.tasks("?task_id=7").await,
        (StatusCode::BAD_REQUEST, json!({"type": "validation error", "detail": {"task_id": ["validation.uuid"]}}))
    );

    running.sandbox.faults().imgfactory.refuse_payment(true);
    assert_eq!(
        running.submit("", images(&[("a.jpg", jpeg(1))])).await,
        (StatusCode::PAYMENT_REQUIRED, json!({"type": "payment error", "detail": "API не оплачено"}))
    );
    assert_eq!(running.charges(), 0);
    assert_eq!((running.asked("imgfactory 401"), running.asked("imgfactory 402")), (3, 1));
}

#[tokio::test]
async fn restart_keeps_tasks_and_finishes_them() {
    let folder = tempfile::tempdir().unwrap();
    let running = Running::start(folder.path()).await;
    let form = || images(&[("a.jpg", jpeg(1))]);
    let done = running.submitted("copies=1", form()).await;
    running.done(&done).await;
    running.sandbox.faults().imgfactory.hold_tasks(true);
    let begun = running.submitted("copies=2", form()).await;
    drop(running);

    let running = Running::start(folder.path()).await;
    let (_, reply) = running.tasks("").await;
    let ids: Vec<&str> = reply["detail"].as_array().unwrap().iter().map(|task| task["id"].as_str().unwrap()).collect();
    assert_eq!(ids, [&done, &begun]);
    let task = running.done(&done).await;
    assert_eq!(running.zip(&task).await.len(), 1);
    let task = running.done(&begun).await;
    assert_eq!(running.zip(&task).await.len(), 2);
    assert_eq!(running.charges(), 2, "a restart charges nothing anew");
}

#[tokio::test]
async fn result_is_gone_after_a_day() {
    let folder = tempfile::tempdir().unwrap();
    let running = Running::start(folder.path()).await;
    let id = running.submitted("copies=1", images(&[("a.jpg", jpeg(1))])).await;
    let task = running.done(&id).await;
    running.sandbox.advance_clock(Duration::from_hours(24));
    let reply = running.client.get(task["result"].as_str().unwrap()).send().await.unwrap();
    assert_eq!(reply.status(), 404);
    let (_, reply) = running.tasks("").await;
    assert_eq!(reply["detail"], json!([]));
}

#[tokio::test]
async fn broken_zip_entry_fails_its_checksum() {
    let folder = tempfile::tempdir().unwrap();
    let running = Running::start(folder.path()).await;
    running.sandbox.faults().imgfactory.break_zip_entry(Some(1));
    let id = running.submitted("copies=3&names=1", images(&[("a.jpg", jpeg(1))])).await;
    let task = running.done(&id).await;
    let mut zip = running.zip(&task).await;
    let reads: Vec<bool> =
        (0..3).map(|index| zip.by_index(index).unwrap().read_to_end(&mut Vec::new()).is_ok()).collect();
    assert_eq!(reads, [true, false, true]);
}

#[tokio::test]
async fn dropped_response_leaves_a_task_that_can_be_found() {
    let folder = tempfile::tempdir().unwrap();
    let running = Running::start(folder.path()).await;
    running.sandbox.faults().imgfactory.drop_next_response(1);
    let url = format!("{}/async/unique?copies=1&names=2", running.sandbox.imgfactory_url());
    let request = running
        .client
        .post(url)
        .header("Authorization", IMGFACTORY_TOKEN)
        .timeout(Duration::from_millis(300))
        .multipart(images(&[("job.jpg", jpeg(1))]));
    assert!(request.send().await.unwrap_err().is_timeout());
    until(|| running.charges() == 1).await;
    let (_, reply) = running.tasks("").await;
    let task = running.done(reply["detail"][0]["id"].as_str().unwrap()).await;
    let mut zip = running.zip(&task).await;
    assert_eq!(zip.by_index(0).unwrap().name().unwrap(), "job.jpg");
}
