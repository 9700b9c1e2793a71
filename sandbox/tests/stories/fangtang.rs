//! Stories of fangtang, told over HTTP.

use std::time::{Duration, SystemTime};

use crate::common::{Running, colourfulness, encoded, grey_jpeg, jpeg, md5_hex, picture, size, until};
use darkroom_sandbox::credentials::{FANGTANG_SECRET_KEY, FANGTANG_THIRD_CODE};
use image::{ImageFormat, Rgb, RgbImage};
use reqwest::RequestBuilder;
use reqwest::multipart::{Form, Part};
use serde_json::{Value, json};

/// A token made so many seconds ahead of now.
#[expect(clippy::disallowed_methods, reason = "the sandbox goes by the time of day, and so must its client")]
fn token(ahead_s: i64) -> String {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
    let seconds = now.checked_add_signed(ahead_s).unwrap();
    format!("{},{seconds}", md5_hex(format!("{FANGTANG_SECRET_KEY}{seconds}").as_bytes()))
}

fn form(content: &[u8], file_name: &str, repair_type: &str) -> Form {
    let file = Part::bytes(content.to_vec()).file_name(file_name.to_owned());
    let form = Form::new().text("third_code", FANGTANG_THIRD_CODE).text("repair_type", repair_type.to_owned());
    form.part("file", file)
}

fn errno(reply: &Value) -> u64 {
    assert_eq!(reply["code"], 9000, "{reply}");
    reply["errno"].as_u64().unwrap()
}

impl Running {
    fn hili(&self, path: &str) -> RequestBuilder {
        self.client.post(format!("{}/api/third/{path}", self.variable("FANGTANG_URL"))).header("token", token(0))
    }

    async fn told(&self, request: RequestBuilder) -> Value {
        let reply = request.send().await.unwrap();
        assert_eq!(reply.status(), 200, "whatever happens");
        reply.json().await.unwrap()
    }

    async fn upload(&self, form: Form) -> Value {
        self.told(self.hili("photo/upload").multipart(form)).await
    }

    async fn about(&self, path: &str, mdf: &str) -> Value {
        let fields = [("third_code", FANGTANG_THIRD_CODE), ("mdf", mdf)];
        self.told(self.hili(path).form(&fields)).await
    }

    async fn nums(&self) -> u64 {
        let form = Form::new().text("third_code", FANGTANG_THIRD_CODE);
        let reply = self.told(self.hili("company/nums").multipart(form)).await;
        assert_eq!(reply["data"]["code"], FANGTANG_THIRD_CODE);
        reply["data"]["nums"].as_u64().unwrap()
    }

    /// Waits for a photo and fetches its file.
    async fn developed(&self, mdf: &str) -> Vec<u8> {
        for _ in 0..500 {
            if self.about("photo/status", mdf).await["data"]["status"] == 200 {
                let url = self.about("photo/download", mdf).await["data"]["url"].as_str().unwrap().to_owned();
                let (status, content) = self.fetch(&url).await;
                assert_eq!(status, 200);
                return content;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("the photo was never done");
    }

    async fn repaired(&self, form: Form) -> Vec<u8> {
        let reply = self.upload(form).await;
        self.developed(reply["data"]["mdf"].as_str().unwrap()).await
    }
}

#[tokio::test]
async fn photo_is_enlarged_and_kept_for_an_hour() {
    let folder = tempfile::tempdir().unwrap();
    let running = Running::start(folder.path()).await;
    running.sandbox.faults().fangtang.hold_tasks(true);
    assert_eq!(running.nums().await, 1000);
    let reply = running.upload(form(&jpeg(1), "a.jpg", "sr")).await;
    let mdf = md5_hex(&jpeg(1));
    assert_eq!((&reply["code"], &reply["data"]["mdf"]), (&json!(200), &json!(mdf)));
    let (status, sent) = running.fetch(reply["data"]["img_url"].as_str().unwrap()).await;
    assert_eq!((status, sent), (200, jpeg(1)));
    assert_eq!(running.about("photo/status", &mdf).await["data"], json!({"msg": "图片处理中", "status": 100}));
    assert_eq!(errno(&running.about("photo/download", &mdf).await), 9002);

    running.sandbox.faults().fangtang.hold_tasks(false);
    assert_eq!(size(&running.developed(&mdf).await), (192, 128));
    assert_eq!(
        running.about("photo/status", &mdf).await,
        json!({"code": 200, "data": {"msg": "图片处理完成", "status": 200}})
    );
    let reply = running.about("photo/download", &mdf).await;
    let url = reply["data"]["url"].as_str().unwrap().to_owned();
    assert!(url.ends_with(&format!("/fangtang/static/life_img/{mdf}01100.jpg")), "{url}");
    assert_eq!((running.nums().await, running.charges()), (999, 1));

    // Sent again, it is charged again and begun anew; an hour after it is done it is gone.
    assert_eq!(size(&running.repaired(form(&jpeg(1), "a.jpg", "sr,repair")).await), (192, 128));
    assert_eq!((running.nums().await, running.charges()), (998, 2));
    running.sandbox.advance_clock(Duration::from_hours(1));
    let advanced = |path: &str| {
        let url = format!("{}/api/third/{path}", running.variable("FANGTANG_URL"));
        let fields = [("third_code", FANGTANG_THIRD_CODE), ("mdf", mdf.as_str())];
        running.told(running.client.post(url).header("token", token(3600)).form(&fields))
    };
    assert_eq!(
        advanced("photo/status").await,
        json!({"code": 9000, "errno": 9002, "msg": "图片不存在,请确认图片是否上传成功"})
    );
    assert_eq!(advanced("photo/download").await["msg"], "数据已失效,请重新上传");
    assert_eq!(running.fetch(&url).await.0, 404);
}

#[tokio::test]
async fn grey_is_coloured_and_backgrounds_are_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let running = Running::start(folder.path()).await;
    assert!(colourfulness(&running.repaired(form(&grey_jpeg(), "old.jpg", "sr,repair")).await) < 12);
    let coloured = running.repaired(form(&grey_jpeg(), "old.jpg", "sr,repair,colour")).await;
    assert!(colourfulness(&coloured) > 50);

    let portrait = RgbImage::from_fn(80, 100, |x, y| {
        let is_person = (25..55).contains(&x) && y > 30;
        if is_person { Rgb([150, 60, 60]) } else { Rgb([230, 232, 235]) }
    });
    let portrait = encoded(&portrait, ImageFormat::Png);
    let blue = running.repaired(form(&portrait, "id.png", "bg").text("rgb", "0,0,255")).await;
    let blue = image::load_from_memory(&blue).unwrap().into_rgb8();
    let near = |x, y, colour: [u8; 3]| {
        blue.get_pixel(x, y).0.iter().zip(colour).all(|(left, right)| left.abs_diff(right) < 25)
    };
    assert!(near(3, 3, [0, 0, 255]) && near(75, 95, [0, 0, 255]));
    assert!(near(40, 60, [150, 60, 60]));
    for format in [ImageFormat::Gif, ImageFormat::WebP] {
        let photo = encoded(&picture(40, 30, 1), format);
        assert_eq!(size(&running.repaired(form(&photo, "a", "sr")).await), (80, 60));
    }
}

#[tokio::test]
async fn what_is_wrong_is_said_as_documented_and_costs_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let running = Running::start(folder.path()).await;
    let url = format!("{}/api/third/company/nums", running.variable("FANGTANG_URL"));
    let fields = [("third_code", FANGTANG_THIRD_CODE)];
    for (token, is_taken) in [
        (None, false),
        (Some(format!("{},1", "0".repeat(32))), false),
        (Some(token(-110)), true),
        (Some(token(-130)), false),
        (Some(token(110)), true),
        (Some(token(130)), false),
    ] {
        let mut request = running.client.post(&url).form(&fields);
        if let Some(token) = &token {
            request = request.header("token", token);
        }
        let reply = running.told(request).await;
        if is_taken {
            assert_eq!(reply["code"], 200);
        } else {
            assert_eq!(reply, json!({"code": 9000, "errno": 9999, "msg": "请求参数token不合法"}), "{token:?}");
        }
    }
    let unknown = running.hili("company/nums").form(&[("third_code", "nobody")]);
    assert_eq!(running.told(unknown).await, json!({"code": 9000, "errno": 9002, "msg": "数据未找到"}));

    let bmp = encoded(&picture(20, 20, 1), ImageFormat::Bmp);
    for (form, expected) in [
        (form(&jpeg(1), "a.jpg", "better"), (9001, "传入参数错误")),
        (form(&jpeg(1), "a.jpg", "bg"), (9001, "传入参数错误")),
        (form(&jpeg(1), "a.jpg", "bg").text("rgb", "#ffffff"), (9001, "传入参数错误")),
        (Form::new().text("third_code", FANGTANG_THIRD_CODE).text("repair_type", "sr"), (9001, "传入参数错误")),
        (form(&bmp, "a.jpg", "sr"), (9005, "文件上传类型不支持")),
        (form(b"words", "a.txt", "sr"), (9005, "文件上传类型不支持")),
        (form(b"", "a.jpg", "sr"), (9006, "上传失败")),
        (form(b"words", "a.jpg", "sr"), (9009, "图片异常,处理失败")),
        (form(&jpeg(1)[..200], "a.jpg", "sr"), (9009, "图片异常,处理失败")),
    ] {
        let (errno, words) = expected;
        assert_eq!(running.upload(form).await, json!({"code": 9000, "errno": errno, "msg": words}));
    }
    assert_eq!(errno(&running.about("photo/status", &"0".repeat(32)).await), 9002);
    assert_eq!((running.nums().await, running.charges(), running.asked("fangtang 9009")), (1000, 0, 2));
}

#[tokio::test]
async fn quota_errors_and_silence_come_as_switched() {
    let folder = tempfile::tempdir().unwrap();
    let running = Running::start(folder.path()).await;
    let faults = &running.sandbox.faults().fangtang;
    faults.quota(Some(1));
    assert_eq!(running.nums().await, 1);
    running.repaired(form(&jpeg(1), "a.jpg", "sr")).await;
    assert_eq!(running.nums().await, 0);
    let refused = running.upload(form(&jpeg(2), "a.jpg", "sr")).await;
    assert_eq!(refused, json!({"code": 9000, "errno": 9101, "msg": "剩余下载次数为0"}));
    faults.quota(None);
    assert_eq!(running.nums().await, 999);

    faults.error_times(9006, 1);
    assert_eq!(running.nums().await, 999, "this error belongs to uploads");
    assert_eq!(errno(&running.upload(form(&jpeg(2), "a.jpg", "sr")).await), 9006);
    faults.expire_now();
    assert_eq!(errno(&running.about("photo/download", &md5_hex(&jpeg(1))).await), 9002);

    faults.drop_next_response(1);
    let request = running.hili("photo/upload").multipart(form(&jpeg(3), "a.jpg", "sr"));
    assert!(request.timeout(Duration::from_millis(300)).send().await.unwrap_err().is_timeout());
    until(|| running.charges() == 2).await;
    assert_eq!(size(&running.developed(&md5_hex(&jpeg(3))).await), (192, 128));
}

#[tokio::test]
async fn restart_keeps_photos_and_finishes_them() {
    let folder = tempfile::tempdir().unwrap();
    let running = Running::start(folder.path()).await;
    running.repaired(form(&jpeg(1), "a.jpg", "sr")).await;
    running.sandbox.faults().fangtang.hold_tasks(true);
    running.upload(form(&jpeg(2), "b.jpg", "sr")).await;
    drop(running);
    let running = Running::start(folder.path()).await;
    for seed in [1, 2] {
        assert_eq!(size(&running.developed(&md5_hex(&jpeg(seed))).await), (192, 128));
    }
    assert_eq!((running.nums().await, running.charges()), (998, 2));
}
