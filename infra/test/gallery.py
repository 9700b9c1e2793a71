"""The gallery of a deployed stack, asked as browsers and programs ask it. The emulator serves a Function URL below a path
and speaks HTTP only; so where a redirect leads to, and the cookie that no client would send over HTTP, are put together by
hand here."""

import html
import http.client
import json
import re
import time
import urllib.parse

from patience import wait_for

TOKEN = "the token of this test, long enough"
BEARER = {"Authorization": f"Bearer {TOKEN}"}
FORM = "application/x-www-form-urlencoded"


class Answer:
    def __init__(self, response: http.client.HTTPResponse):
        self.status, self.headers, self.body = response.status, response.headers, response.read()

    def json(self):
        return json.loads(self.body)

    def text(self) -> str:
        return self.body.decode()

    def __str__(self):
        return f"{self.status} {self.body[:500]!r}"


def ask(method: str, url: str, body=None, headers: dict | None = None) -> Answer:
    """One request, without following anything."""
    parts = urllib.parse.urlsplit(url)
    connection = http.client.HTTPConnection(parts.netloc, timeout=60)
    try:
        connection.request(method, urllib.parse.urlunsplit(("", "", *parts[2:])), body, headers or {})
        return Answer(connection.getresponse())
    finally:
        connection.close()


class Gallery:
    def __init__(self, address: str):
        self.address, self.cookie = address, {}

    def ask(self, method: str, path: str, body=None, headers: dict | None = None) -> Answer:
        return ask(method, self.address + path, body, headers)

    def program(self, method: str, path: str, body=None) -> Answer:
        """As a program, with the token."""
        text = None if body is None else json.dumps(body)
        return self.ask(method, path, text, BEARER | {"Content-Type": "application/json"})

    def page(self, path: str) -> str:
        """As a person who has logged in."""
        answer = self.ask("GET", path, headers=self.cookie)
        assert answer.status == 200, f"{path}: {answer}"
        return answer.text()

    def send(self, path: str, fields: dict) -> Answer:
        return self.ask("POST", path, urllib.parse.urlencode(fields), self.cookie | {"Content-Type": FORM})

    def job(self, upload: str) -> dict | None:
        found = self.program("GET", f"/api/jobs?{urllib.parse.urlencode({'text': upload})}").json()["jobs"]
        return next((job for job in found if job["upload"]["key"] == upload), None)


def proof(page: str) -> str:
    """What a form of the page carries to prove that it is ours."""
    return re.search(r'name="csrf" value="([^"]+)"', page).group(1)


def pictures(page: str) -> list:
    """The addresses of a page's pictures; its own icon is none of them."""
    return [html.unescape(found) for found in re.findall(r'<img [^>]*src="(http[^"]+)"', page)]


def off(gallery: Gallery):
    for headers in ({}, BEARER):
        for path in ("/jobs", "/api/jobs", "/login"):
            answer = gallery.ask("GET", path, headers=headers)
            assert answer.status == 503, f"{path}: {answer}"
    print("  gallery      without a token in the parameter store: off", flush=True)


def door(gallery: Gallery):
    """Nobody is let in without the token; who has it is."""
    stranger = wait_for("the gallery is on", lambda: (a := gallery.ask("GET", "/jobs")).status != 503 and a, 60)
    assert (stranger.status, stranger.headers["Location"]) == (303, "/login?next=%2Fjobs"), stranger
    assert gallery.ask("GET", "/api/jobs").status == 401
    start = time.monotonic()
    assert gallery.ask("GET", "/api/jobs", headers={"Authorization": "Bearer another token, as long"}).status == 401
    assert gallery.send("/login", {"token": "another token, as long"}).status == 403
    assert time.monotonic() - start >= 2, "two wrong tokens take two seconds"
    answer = gallery.send("/login", {"token": TOKEN, "next": "/jobs"})
    assert (answer.status, answer.headers["Location"]) == (303, "/jobs"), answer
    cookie, *attributes = answer.headers["Set-Cookie"].split("; ")
    assert cookie.startswith("__Host-darkroom_session="), cookie
    assert {"HttpOnly", "Secure", "SameSite=Lax", "Path=/"} <= set(attributes), attributes
    gallery.cookie = {"Cookie": cookie}
    forged = {"Cookie": cookie[:-2] + ("AA" if cookie[-2:] != "AA" else "BB")}
    assert gallery.ask("GET", "/jobs", headers=forged).status == 303, "a cookie that somebody has changed"
    print("  gallery      asks for its token, and lets in who has it", flush=True)


def shows(darkroom, gallery: Gallery, uploads: list, of: str):
    """The list, the API, and the page of the job of one upload."""
    page = gallery.page("/jobs")
    for upload in uploads:
        assert upload in page, f"{upload} is not on the list"
        document = gallery.job(upload)
        assert document == darkroom.document(upload), f"{upload}: {document}"
        assert gallery.program("GET", f"/api/jobs/{document['id']}").json() == document
    job = f"/jobs/{gallery.job(of)['id']}"
    # The collector makes thumbnails once the job has ended; for a while whole pictures stand in for them.
    def thumbnails() -> list:
        urls = pictures(gallery.page(job))
        return urls if all("/results/.thumbnails/" in url and ask("GET", url).status == 200 for url in urls) else []

    shown = wait_for("thumbnails", thumbnails, 60)
    for url in shown:
        answer = ask("GET", url)
        assert answer.headers["Content-Type"] == "image/jpeg" and answer.body.startswith(b"\xff\xd8"), answer
        assert ask("GET", url.split("?")[0]).status == 403, "a picture without a signature"
    assert gallery.page("/providers") and gallery.page("/upload")
    print(f"  gallery      shows {len(uploads)} jobs as their job.json tells them, and {len(shown)} thumbnails of one", flush=True)


def takes_uploads(darkroom, gallery: Gallery, image: bytes, of: str):
    """Three ways into the bucket: an address that is put to, a form, and an output that goes on."""
    place = gallery.program("POST", "/api/uploads", {"route": "watermark/default", "name": "by address.jpg"}).json()
    origin = {"Origin": "https://gallery.example"}
    asked = {"Access-Control-Request-Headers": "content-type,if-none-match"}
    allowed = ask("OPTIONS", place["url"], headers=origin | asked | {"Access-Control-Request-Method": "PUT"})
    assert allowed.status == 200 and "PUT" in allowed.headers["Access-Control-Allow-Methods"], allowed
    refused = ask("OPTIONS", place["url"], headers=origin | {"Access-Control-Request-Method": "DELETE"})
    assert refused.status == 403, refused
    elsewhere = place["url"].replace("/uploads/watermark/", "/uploads/vkcloud/", 1)
    once = {"If-None-Match": "*"}
    assert elsewhere != place["url"], place
    assert ask("PUT", elsewhere, image, once).status == 403, "the address is good for its key alone"
    assert ask("PUT", place["url"], image).status == 403, "it takes nothing that could replace an upload"
    put = ask("PUT", place["url"], image + b"1", origin | once | {"Content-Type": "image/jpeg"})
    assert put.status == 200 and put.headers["ETag"], put
    assert ask("PUT", place["url"], image + b"2", once).status == 412, "it takes one upload"

    boundary = "as-browsers-do"
    parts = [f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
             for name, value in {"csrf": proof(gallery.page("/upload")), "route": "watermark/default"}.items()]
    head = (f'--{boundary}\r\nContent-Disposition: form-data; name="files"; filename="by form.jpg"\r\n'
            "Content-Type: image/jpeg\r\n\r\n")
    form = b"".join([*parts, head.encode(), image, b"2", f"\r\n--{boundary}--\r\n".encode()])
    kind = {"Content-Type": f"multipart/form-data; boundary={boundary}"}
    answer = gallery.ask("POST", "/upload", form, gallery.cookie | kind)
    assert answer.status == 303, answer

    job = f"/jobs/{gallery.job(of)['id']}"
    fields = {"route": "watermark/default", "output": "1"}
    assert gallery.send(f"{job}/continue", fields).status == 403, "a form that is not ours"
    answer = gallery.send(f"{job}/continue", fields | {"csrf": proof(gallery.page(job))})
    assert answer.status == 303, answer
    (goes_on,) = urllib.parse.parse_qs(urllib.parse.urlsplit(answer.headers["Location"]).query)["text"]

    darkroom.done(place["key"])
    darkroom.done(goes_on)
    # The key of what came by a form is not told; the newest job that is called so has it.
    named = [job for job in gallery.program("GET", "/api/jobs?text=by").json()["jobs"] if "form" in job["upload"]["key"]]
    darkroom.done(named[0]["upload"]["key"])
    print("  gallery      takes uploads by a signed address, by a form and from a result; each is done", flush=True)


def gives_another_try(darkroom, gallery: Gallery, failed: str):
    before = darkroom.document(failed)
    answer = gallery.program("POST", f"/api/jobs/{before['id']}/retry")
    assert (answer.status, answer.json()) == (200, {"id": before["id"], "outcome": "queued"}), answer
    again = wait_for("the retried job ends", lambda: (d := darkroom.document(failed))["finished_at"] > before["finished_at"] and d)
    assert again["reason"] == before["reason"], again
    print("  gallery      gives a failed job another try", flush=True)


def ends_a_hold(darkroom, gallery: Gallery):
    hold = {"kind": "payment", "message": "nothing is left", "since": "2026-11-21T08:00:00Z",
            "probe_at": "2126-11-21T08:00:00Z", "probes": 0}
    darkroom.rows.update_item(
        TableName=darkroom.table, Key={"id": {"S": "provider#imageban"}}, UpdateExpression="SET #hold = :hold",
        # As the functions write it: in this order and without spaces, since a release compares the whole text.
        ExpressionAttributeNames={"#hold": "hold"},
        ExpressionAttributeValues={":hold": {"S": json.dumps(hold, separators=(",", ":"))}},
    )
    told = {one["name"]: one for one in gallery.program("GET", "/api/providers").json()["providers"]}
    assert told["imageban"]["hold"] == hold and told["vkcloud"]["hold"] is None, told
    assert "nothing is left" in gallery.page("/providers")
    assert gallery.program("POST", "/api/providers/imageban/release").json()["hold"] == hold
    told = gallery.program("GET", "/api/providers").json()["providers"]
    assert all(one["hold"] is None for one in told), told
    print("  gallery      tells of a hold and ends it", flush=True)


def alters_nothing(darkroom, of: str):
    """What its role may do in the bucket, tried with the role itself."""
    output = darkroom.document(of)["outputs"][0]["key"]
    with darkroom.as_function("gallery") as s3:
        assert s3.get_object(Bucket=darkroom.bucket, Key=output)["ResponseMetadata"]["HTTPStatusCode"] == 200
        # Under uploads/ of no service, so that nobody makes a job of it.
        s3.put_object(Bucket=darkroom.bucket, Key="uploads/nobody/tried.txt", Body=b"tried")
        forbidden = [
            lambda: s3.put_object(Bucket=darkroom.bucket, Key=output, Body=b"altered"),
            lambda: s3.put_object(Bucket=darkroom.bucket, Key="steps/a.jpg", Body=b"altered"),
            lambda: s3.put_object(Bucket=darkroom.bucket, Key="darkroom.toml", Body=b"altered"),
            lambda: s3.delete_object(Bucket=darkroom.bucket, Key=output),
            lambda: s3.delete_object(Bucket=darkroom.bucket, Key="uploads/nobody/tried.txt"),
            lambda: s3.get_object(Bucket=darkroom.bucket, Key="darkroom.toml"),
        ]
        for attempt in forbidden:
            try:
                attempt()
            except s3.exceptions.ClientError as refused:
                assert refused.response["Error"]["Code"] == "AccessDenied", refused
            else:
                raise AssertionError("the gallery's role did what it must not")
    print("  gallery      its role can read results, and neither alter nor delete them", flush=True)


def needs_its_rights(darkroom, gallery: Gallery, of: str):
    """Without a right, what needs it fails and says so; with it again, it goes on."""
    job = f"/jobs/{gallery.job(of)['id']}"
    page = gallery.page(job)
    picture, fields = pictures(page)[0], {"route": "watermark/default", "output": "1", "csrf": proof(page)}
    place = gallery.program("POST", "/api/uploads", {"route": "watermark/default", "name": "without.jpg"}).json()

    with darkroom.without("gallery", "table"):
        assert gallery.program("GET", "/api/jobs").status == 500
        assert gallery.ask("GET", job, headers=gallery.cookie).status == 500
    with darkroom.without("gallery", "bucket"):
        assert gallery.program("GET", "/api/jobs").status == 200
        assert ask("GET", picture).status == 403 and ask("PUT", place["url"], b"nothing", {"If-None-Match": "*"}).status == 403
        assert gallery.send(f"{job}/continue", fields).status == 500
    assert gallery.program("GET", "/api/jobs").status == 200 and ask("GET", picture).status == 200
    print("  gallery      without table    no page and no answer; with it again, all of them", flush=True)
    print("  gallery      without bucket   its addresses lead nowhere; with it again, they do", flush=True)
