//! Tests of reading requests.

use bytes::Bytes;

use super::*;
use crate::pixels::testing::landscape;

fn form(fields: &[(&str, &str)]) -> Form {
    let content = Bytes::from(pixels::encode_png(&landscape(40, 30, 0)).unwrap());
    let file_name = "a.png".to_owned();
    Form {
        files: vec![SentFile { part_name: FILE_PART.to_owned(), file_name, content }],
        fields: fields.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect(),
    }
}

fn with_token(fields: &[(&str, &str)]) -> Result<Request, Refusal> {
    let mut headers = HeaderMap::new();
    headers.insert("x-access-api-token", WATERMARK_TOKEN.parse().unwrap());
    Request::read(&headers, Ok(form(fields)))
}

fn signed(app_id: &str, salt: &str) -> Result<Request, Refusal> {
    let form = form(&[("appId", app_id), ("salt", salt)]);
    let image_md5 = md5_hex(&form.files[0].content);
    let sign = md5_hex(format!("{app_id}{image_md5}{salt}{WATERMARK_APP_SECRET}").as_bytes());
    let mut headers = HeaderMap::new();
    headers.insert("x-access-api-sign", sign.parse().unwrap());
    Request::read(&headers, Ok(form))
}

#[test]
fn signature_is_checked_with_its_parts() {
    assert!(signed(WATERMARK_APP_ID, "12345678").unwrap().sign.is_some());
    assert!(matches!(signed("SomebodyElse0001", "12345678"), Err(Refusal::Signature)));
    for salt in ["01234567", "1234567", "123456789", "1234567x"] {
        assert!(matches!(signed(WATERMARK_APP_ID, salt), Err(Refusal::BadParameter)), "{salt}");
    }
    let unsigned = Request::read(&HeaderMap::new(), Ok(form(&[])));
    assert!(matches!(unsigned, Err(Refusal::Signature)));
}

#[test]
fn wishes_are_read_as_documented() {
    let request = with_token(&[
        ("excludeKeywords", r#"{"items":[{"value":"ours","rule":"absolute"},{"value":"b"}]}"#),
        ("offset", r#"{"+x":5,"-y":8,"-w":3,"+h":4}"#),
        ("show", "true"),
    ])
    .unwrap();
    let keywords = vec![
        Keyword { value: "ours".to_owned(), rule: Rule::Absolute },
        Keyword { value: "b".to_owned(), rule: Rule::Similar },
    ];
    assert_eq!(request.wishes.keywords, Some(Keywords::Except(keywords)));
    assert_eq!(request.wishes.offset, Offset { x: 5, y: -8, w: -3, h: 4 });
    assert!(request.wishes.show && !request.wishes.ocr_only);
    assert_eq!(request.callback, None);
}

#[test]
fn rectangles_make_the_other_three_void() {
    let request = with_token(&[
        ("rectangles", r#"[{"x":1,"y":2,"w":3,"h":4}]"#),
        ("offset", "not even JSON"),
        ("watermarkNames", "{}"),
    ])
    .unwrap();
    assert_eq!(request.wishes.rectangles, [Area { x: 1, y: 2, w: 3, h: 4 }]);
    assert_eq!(request.wishes.offset, Offset::default());
}

#[test]
fn bad_parameters_are_refused() {
    let keywords = r#"{"items":[{"value":"a","rule":"similar"}]}"#;
    for fields in [
        vec![("sync", "TRUE")],
        vec![("sync", "true")],
        vec![("sync", "true"), ("callback", "ftp://example.org/")],
        vec![("show", "1")],
        vec![("ocrOnly", "")],
        vec![("rectangles", r#"[{"x":1,"y":2,"w":3}]"#)],
        vec![("rectangles", r#"{"x":1,"y":2,"w":3,"h":4}"#)],
        vec![("watermarkNames", keywords), ("excludeKeywords", keywords)],
        vec![("watermarkNames", r#"["a"]"#)],
        vec![("offset", r#"{"x":5}"#)],
        vec![("offset", r#"{"+z":5}"#)],
        vec![("offset", r#"{"+x":1.5}"#)],
        vec![("offset", r#"{"+x":1,"-x":1,"+y":1,"+w":1,"+h":1}"#)],
    ] {
        assert!(matches!(with_token(&fields), Err(Refusal::BadParameter)), "{fields:?}");
    }
}

#[test]
fn file_is_seen_only_under_its_true_name() {
    let mut headers = HeaderMap::new();
    headers.insert("x-access-api-token", WATERMARK_TOKEN.parse().unwrap());
    let mut form = form(&[]);
    form.files[0].part_name = "imageFile".to_owned();
    assert!(matches!(Request::read(&headers, Ok(form)), Err(Refusal::BadParameter)));
}

#[test]
fn cache_key_leaves_out_application_and_salt_only() {
    let key = |fields: &[(&str, &str)]| with_token(fields).unwrap().cache_key;
    assert_eq!(key(&[("salt", "1"), ("appId", "a")]), key(&[("salt", "2")]));
    assert_eq!(key(&[("show", "true"), ("sync", "false")]), key(&[("sync", "false"), ("show", "true")]));
    assert_ne!(key(&[("sync", "false")]), key(&[]));
    assert_ne!(
        key(&[("sync", "true"), ("callback", "http://a/1")]),
        key(&[("sync", "true"), ("callback", "http://a/2")])
    );
}

#[test]
fn offset_that_leaves_the_image_does_not_apply() {
    let area = Area { x: 10, y: 10, w: 20, h: 10 };
    let offset = |x, w| Offset { x, y: 0, w, h: 0 };
    assert_eq!(offset(5, 3).apply(area, (40, 30)), Some(Area { x: 15, y: 10, w: 23, h: 10 }));
    assert_eq!(offset(15, 0).apply(area, (40, 30)), None);
    assert_eq!(offset(-11, 0).apply(area, (40, 30)), None);
    assert_eq!(offset(0, -20).apply(area, (40, 30)), None);
}
