//! Stories of imageban, told over HTTP.

use std::time::Duration;

use crate::common::{Running, encoded, jpeg, picture};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use darkroom_sandbox::credentials::{IMAGEBAN_CLIENT_ID, IMAGEBAN_SECRET_KEY};
use image::ImageFormat;
use reqwest::multipart::{Form, Part};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

const GUEST: &str = "guest";
const ACCOUNT: &str = "account";

fn form(content: Vec<u8>, file_name: &str) -> Form {
    Form::new().part("image", Part::bytes(content).file_name(file_name.to_owned()))
}

fn error(code: &str, message: &str) -> Value {
    json!({"error": {"code": code, "message": message}})
}

impl Running {
    fn ban(&self, method: Method, path: &str, caller: &str) -> RequestBuilder {
        let authorization = match caller {
            GUEST => format!("TOKEN {IMAGEBAN_CLIENT_ID}"),
            ACCOUNT => format!("Bearer {IMAGEBAN_SECRET_KEY}"),
            other => other.to_owned(),
        };
        let url = format!("{}{path}", self.variable("IMAGEBAN_URL"));
        self.client.request(method, url).header("Authorization", authorization)
    }

    async fn said(&self, request: RequestBuilder) -> Value {
        let reply = request.send().await.unwrap();
        assert_eq!(reply.status(), 200, "whatever happens");
        reply.json().await.unwrap()
    }

    async fn host(&self, caller: &str, form: Form) -> Value {
        self.said(self.ban(Method::POST, "", caller).multipart(form)).await
    }

    async fn hosted(&self, caller: &str, form: Form) -> Value {
        let mut reply = self.host(caller, form).await;
        assert_eq!((&reply["success"], &reply["status"]), (&json!(true), &json!(200)), "{reply}");
        reply["data"][0].take()
    }

    async fn code(&self, caller: &str, form: Form) -> String {
        self.host(caller, form).await["error"]["code"].as_str().unwrap_or("none").to_owned()
    }
}

#[tokio::test]
async fn guest_gets_links_that_open_and_a_hash_to_delete_with() {
    let folder = tempfile::tempdir().unwrap();
    let running = Running::start(folder.path()).await;
    let image = running.hosted(GUEST, form(jpeg(1), "logo.jpg")).await;
    let (id, name) = (image["id"].as_str().unwrap(), image["name"].as_str().unwrap());
    assert_eq!((id.len(), name.len()), (7, "8b2313babd49d05ff36b8165845fc615.jpeg".len()));
    assert_eq!(
        (&image["img_name"], &image["views"], &image["description"], &image["favorite"]),
        (&json!("logo.jpg"), &json!("0"), &json!(""), &json!(false))
    );
    assert_eq!((&image["size"], &image["resolution"]), (&json!(jpeg(1).len().to_string()), &json!("96x64")));
    let link = image["link"].as_str().unwrap();
    let day = image["date"].as_str().unwrap().replace('.', "/");
    assert!(link.ends_with(&format!("/imageban/out/{day}/{name}")), "{link}");
    assert_eq!(running.fetch(link).await, (200, jpeg(1)));
    let (status, page) = running.fetch(image["short_link"].as_str().unwrap()).await;
    assert_eq!((status, String::from_utf8(page).unwrap().contains(link)), (200, true));
    assert_eq!((running.charges(), running.asked("imageban upload")), (1, 1));

    let path = format!("/image/delete/{id}");
    let refused = running.said(running.ban(Method::DELETE, &path, GUEST)).await;
    assert_eq!(refused["error"]["code"], "404", "a guest's image goes by its hash only");
    let path = format!("/image/delete/{}", image["delete_hash"].as_str().unwrap());
    assert_eq!(running.said(running.ban(Method::DELETE, &path, GUEST)).await["success"], true);
    assert_eq!(running.fetch(link).await.0, 404);
}

#[tokio::test]
async fn account_hosts_files_texts_and_urls() {
    let folder = tempfile::tempdir().unwrap();
    let running = Running::start(folder.path()).await;
    let first = running.hosted(ACCOUNT, form(jpeg(1), "a.jpg").text("name", "named.jpg")).await;
    assert_eq!((&first["img_name"], first.get("delete_hash")), (&json!("named.jpg"), None));

    let gif = encoded(&picture(20, 10, 1), ImageFormat::Gif);
    let second = running.hosted(ACCOUNT, Form::new().text("image", STANDARD.encode(&gif))).await;
    assert_eq!(running.fetch(second["link"].as_str().unwrap()).await, (200, gif.clone()));
    let plain = running.ban(Method::POST, "", GUEST).form(&[("image", STANDARD.encode(&gif))]);
    assert_eq!(running.said(plain).await["data"][0]["resolution"], "20x10");

    let link = first["link"].as_str().unwrap();
    let third = running.hosted(ACCOUNT, Form::new().text("url", link.to_owned())).await;
    assert_eq!((&third["size"], &third["img_name"]), (&first["size"], &first["name"]));
    assert_ne!(third["id"], first["id"]);
    for (url, code) in [(format!("{link}x"), "107"), ("http://127.0.0.1:1/a.jpg".into(), "107"), ("logo".into(), "106")]
    {
        assert_eq!(running.code(ACCOUNT, Form::new().text("url", url)).await, code);
    }

    let path = format!("/image/delete/{}", first["id"].as_str().unwrap());
    assert_eq!(running.said(running.ban(Method::DELETE, &path, ACCOUNT)).await["success"], true);
    drop(running);
    let running = Running::start(folder.path()).await;
    let kept = third["link"].as_str().unwrap().split_once("/imageban/").unwrap().1.to_owned();
    let base = running.variable("IMAGEBAN_URL").replace("/v1", "");
    assert_eq!(running.fetch(&format!("{base}/{kept}")).await, (200, jpeg(1)));
    assert_eq!(running.charges(), 4);
}

#[tokio::test]
async fn what_is_wrong_is_said_as_documented_and_costs_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let running = Running::start(folder.path()).await;
    for (caller, code, message) in [
        ("TOKEN nobody", "100", "Invalid client key"),
        ("Bearer nobody", "105", "Invalid secret key"),
        ("Basic nobody", "110", "No auth data"),
    ] {
        assert_eq!(running.host(caller, form(jpeg(1), "a.jpg")).await, error(code, message));
    }
    let bare = running.client.post(running.variable("IMAGEBAN_URL")).multipart(form(jpeg(1), "a.jpg"));
    assert_eq!(running.said(bare).await, error("110", "No auth data"));
    let mut large = jpeg(1);
    large.resize(10 * 1024 * 1024 + 1, 0);
    for (form, code, message) in [
        (form(large, "a.jpg"), "101", "Image is larger"),
        (Form::new().text("name", "a.jpg"), "102", "No image data"),
        (form(Vec::new(), "a.jpg"), "102", "No image data"),
        (form(b"words".to_vec(), "a.jpg"), "103", "Invalid image type"),
        (form(encoded(&picture(9, 9, 1), ImageFormat::Bmp), "a.bmp"), "103", "Invalid image type"),
        (Form::new().text("image", "no base64!"), "103", "Invalid image type"),
    ] {
        assert_eq!(running.host(GUEST, form).await, error(code, message));
    }
    assert_eq!((running.charges(), running.asked("imageban 103")), (0, 3));
}

#[tokio::test]
async fn limits_are_those_of_a_day_in_moscow() {
    let folder = tempfile::tempdir().unwrap();
    let running = Running::start(folder.path()).await;
    let faults = &running.sandbox.faults().imageban;
    faults.quota(Some(1));
    assert_eq!(running.code(GUEST, form(jpeg(1), "a.jpg")).await, "none");
    assert_eq!(
        running.host(GUEST, form(jpeg(2), "a.jpg")).await,
        error("108", "Limit of uploaded images from your IP is exceeded for guest")
    );
    assert_eq!(running.code(ACCOUNT, form(jpeg(1), "a.jpg")).await, "none");
    assert_eq!(
        running.host(ACCOUNT, form(jpeg(2), "a.jpg")).await,
        error("109", "Exceeded the daily limit of uploaded images for your account")
    );
    running.sandbox.advance_clock(Duration::from_hours(24));
    assert_eq!(running.code(ACCOUNT, form(jpeg(2), "a.jpg")).await, "none");

    faults.quota(None);
    faults.error_times(104, 1);
    assert_eq!(running.host(GUEST, form(jpeg(2), "a.jpg")).await, error("104", "Image failed to upload"));
    let image = running.hosted(GUEST, form(jpeg(2), "a.jpg")).await;
    faults.expire_now();
    assert_eq!(running.fetch(image["link"].as_str().unwrap()).await.0, 404);
}

#[tokio::test]
async fn albums_take_images_of_the_account() {
    let folder = tempfile::tempdir().unwrap();
    let running = Running::start(folder.path()).await;
    let album = |fields: &[(&str, &str)]| running.ban(Method::POST, "/album", ACCOUNT).form(fields);
    let first = running.hosted(ACCOUNT, form(jpeg(1), "a.jpg")).await;
    let first_id = first["id"].as_str().unwrap();
    let request = album(&[("album_name", "Cats"), ("album_type", "hidden"), ("images", first_id)]);
    let id = running.said(request).await["data"]["id"].as_str().unwrap().to_owned();
    assert_eq!(running.said(album(&[("album_name", "Cats")])).await["error"]["code"], "400");
    assert_eq!(running.said(album(&[("album_desc", "x")])).await["error"]["code"], "401");

    running.hosted(ACCOUNT, form(jpeg(2), "b.jpg").text("album", id.clone())).await;
    assert_eq!(running.code(ACCOUNT, form(jpeg(2), "b.jpg").text("album", "nowhere")).await, "404");
    assert_eq!(running.code(GUEST, form(jpeg(2), "b.jpg").text("album", id.clone())).await, "105");
    let path = format!("/album/{id}");
    let get = |path: &str, caller: &str| running.said(running.ban(Method::GET, path, caller));
    let shown = get(&path, ACCOUNT).await;
    assert_eq!((&shown["data"]["album_name"], &shown["data"]["album_type"]), (&json!("Cats"), &json!("hidden")));
    assert_eq!(shown["data"]["images"][0]["id"], first["id"]);
    let images = get(&format!("{path}/images"), ACCOUNT).await;
    assert_eq!(images["data"].as_array().unwrap().len(), 2);
    assert_eq!(get(&path, GUEST).await["error"]["code"], "105");

    let update = running.ban(Method::PUT, &path, ACCOUNT).multipart(Form::new().text("album_name", "Dogs"));
    assert_eq!(running.said(update).await["data"]["album_name"], "Dogs");
    assert_eq!(get("/account/me/albums/ids", ACCOUNT).await["data"], json!([id]));
    assert_eq!(running.said(running.ban(Method::DELETE, &path, ACCOUNT)).await["success"], true);
    assert_eq!(get(&path, ACCOUNT).await, error("404", "Album not found"));
    assert_eq!(running.fetch(first["link"].as_str().unwrap()).await.0, 200, "the images stay");
}
