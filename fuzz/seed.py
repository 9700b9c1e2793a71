#!/usr/bin/env python3
"""Fills fuzz/corpus with what the repository holds anyway: the providers' own examples, events, presets, images, and
zips made here. Run by fuzz/run.sh; what a fuzzer has found before stays."""

import io
import json
import pathlib
import stat
import sys
import zipfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
CORPUS = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "fuzz" / "corpus"
PROVIDERS = ["imgfactory", "watermark", "fangtang", "vkcloud", "imageban"]
# As in provider_reply.rs.
STATUSES = [200, 201, 204, 302, 304, 400, 401, 402, 403, 404, 408, 413, 415, 429, 500, 503]
SUBMIT, SUBMIT_WITH_TOKEN, POLL, SETTLE, ACCOUNT = range(5)
JSON, IMAGE, HTML = range(3)


def seed(target, name, content):
    folder = CORPUS / target
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"seed-{name}").write_bytes(content)


def fixtures(provider):
    return sorted((ROOT / "shared/src/provider" / provider / "fixtures").glob("*.json"))


def fixture(provider, name):
    return (ROOT / "shared/src/provider" / provider / "fixtures" / f"{name}.json").read_bytes()


def conversation(provider, asked, option, *replies):
    """A reply: (status, kind, body)."""
    sent = b"\xfe".join(bytes([STATUSES.index(status) + 16 * kind]) + body for status, kind, body in replies)
    return bytes([PROVIDERS.index(provider), asked, option]) + sent


def callbacks():
    for path in fixtures("watermark"):
        for option in range(3):
            seed("callback", f"{path.stem}-{option}", bytes([option]) + path.read_bytes())
    many = {"httpCode": 200, "data": {"processStatus": 0, "url": "https://www.processimage.cn/a.png"}}
    many["data"]["processLocation"] = [{}] * 3000
    seed("callback", "many-rectangles", b"\0" + json.dumps(many).encode())
    many["data"]["processLocation"] = [{"word": "x" * 9000}]
    seed("callback", "long-word", b"\0" + json.dumps(many).encode())
    failed = {"httpCode": 500, "httpMsg": "words\n" * 2000, "data": None}
    seed("callback", "long-message", b"\0" + json.dumps(failed).encode())


def replies():
    for provider in PROVIDERS:
        for path in fixtures(provider):
            for asked in range(5):
                for status in (200, 400, 500):
                    name = f"{provider}-{path.stem}-{asked}-{status}"
                    one = (status, JSON, path.read_bytes())
                    seed("provider_reply", name, conversation(provider, asked, asked, one, one))
    conversations()


def conversations():
    page = (500, HTML, b"<html>Bad Gateway</html>")

    def told(name, *of):
        seed("provider_reply", f"told-{name}", conversation(*of))

    told("sync", "imgfactory", SUBMIT, 1, (200, IMAGE, b"\xff\xd8\xff\xe0"))
    told("list", "imgfactory", POLL, 0, (200, JSON, fixture("imgfactory", "tasks")), (200, JSON, fixture("imgfactory", "task_done")))
    for name in ("status_done", "status_unknown"):
        told(name, "fangtang", POLL, 0, (200, JSON, fixture("fangtang", name)), (200, JSON, fixture("fangtang", "download")))
    told("settle", "fangtang", SETTLE, 0, (200, JSON, fixture("fangtang", "nums")), (200, JSON, fixture("fangtang", "nums")))
    lost = fixture("fangtang", "nums").replace(b"1", b"2")
    told("found", "fangtang", SETTLE, 0, (200, JSON, fixture("fangtang", "nums")), (200, JSON, lost), (200, JSON, fixture("fangtang", "status_done")))
    token = (200, JSON, fixture("vkcloud", "token"))
    for option, name in ((0, "improve"), (1, "resolution"), (2, "improve")):
        told(f"{name}-{option}", "vkcloud", SUBMIT, option, token, (200, JSON, fixture("vkcloud", name)))
    refused = (401, JSON, b'{"status":401,"body":"token open-sesame-to..."}')
    told("repeated-token", "vkcloud", SUBMIT_WITH_TOKEN, 0, refused)
    told("renewed", "vkcloud", SUBMIT, 0, token, refused, token, (200, JSON, fixture("vkcloud", "improve")))
    hosted = (200, JSON, fixture("imageban", "uploaded"))
    made = (200, JSON, b'{"data":{"id":"a1","album_name":"Summer"},"success":true,"status":200}')
    taken = (400, JSON, b'{"error":{"code":"400","message":"taken"},"success":false}')
    ids = (200, JSON, b'{"data":["a1",2,{"id":"a3"}],"success":true}')
    named = (200, JSON, b'{"data":{"id":"a1","name":"Summer"},"success":true}')
    told("album", "imageban", SUBMIT, 1, made, hosted)
    told("found-album", "imageban", SUBMIT, 1, taken, ids, named, named, named, hosted)
    repeated = (200, JSON, b'{"error":{"code":101,"message":"no image at https://bucket.example/steps/1?X-Amz-Signature=5e1f"}}')
    told("repeated-address", "imageban", SUBMIT, 2, repeated)
    for provider in PROVIDERS:
        told(f"page-{provider}", provider, SUBMIT, 0, page)
        words = json.dumps({"type": "auth error", "detail": "x\n" * 3000, "httpCode": 500, "httpMsg": "x\n" * 3000, "code": 9000,
                            "errno": 9001, "msg": "x\n" * 3000, "error": {"code": 101, "message": "x\n" * 3000}, "status": 400})
        told(f"long-{provider}", provider, SUBMIT_WITH_TOKEN, 0, (400, JSON, words.encode()))


def events():
    for path in sorted((ROOT / "events").glob("*.json")):
        seed("s3_event", path.stem, path.read_bytes())
        for number, record in enumerate(json.loads(path.read_text()).get("Records", [])):
            if isinstance(record.get("body"), str):
                seed("s3_event", f"{path.stem}-{number}", record["body"].encode())
    for number, key in enumerate(KEYS):
        seed("s3_event", f"key-{number}", key.encode())


KEYS = ["uploads/watermark/clean/лето + 照片 (1).jpg", "uploads/imgfactory/ten/2024/a.final.jpg", "uploads/vkcloud/a.jpg",
        "uploads/watermark/../a.jpg", "uploads/fangtang//a", "results/watermark/a.jpg", "uploads/nobody/a.jpg", "uploads/imageban/x/",
        "uploads/watermark/clean/" + "x" * 900, "uploads/watermark/clean/.jpg"]
NAMES = ["copy 1.jpg", "../../etc/passwd", "C:\\x\\фото.jpg", "a\0b?.jpg", "..", "", ". a.jpg", "я" * 200 + ".jpeg", "x" * 200, "a.", "job.json"]


def keys():
    for number, key in enumerate(KEYS):
        for other, name in enumerate(NAMES):
            seed("upload_key", f"{number}-{other}", f"{key}\n{name}".encode())


def presets():
    for path in (ROOT / "darkroom.toml", ROOT / "cli/samples/demo.toml"):
        text = path.read_text()
        seed("presets", path.stem, text.encode())
        for number, table in enumerate(text.split("\n[")):
            seed("presets", f"{path.stem}-{number}", (table if number == 0 else "[" + table).encode())
    seed("presets", "loop", b'[watermark.a]\nthen = ["vkcloud.b"]\n[vkcloud.b]\nthen = ["watermark.a"]\n')
    wide = "".join(f'[watermark.p{n}]\nthen = ["watermark.p{n + 1}", "watermark.p{n + 1}"]\n' for n in range(20))
    seed("presets", "wide", (wide + "[watermark.p20]\n").encode())


PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x05\0\0\0\x03\x08\x02\0\0\0"


def zip_of(entries, compression=zipfile.ZIP_DEFLATED):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", compression) as archive:
        for name, content in entries:
            archive.writestr(name, content)
    return packed.getvalue()


def zips():
    def seeded(name, content):
        seed("unpack", name, b"\0" + content)

    whole = zip_of([("1/a.png", PNG), ("2/a.png", PNG), ("../../etc/a.png", PNG), ("фото+.png", PNG), ("folder/", b"")])
    seeded("whole", whole)
    seeded("stored", zip_of([("a.png", PNG), ("note.txt", b"hello"), ("/etc/b.png", PNG)], zipfile.ZIP_STORED))
    seeded("cut", whole[:-30])
    seeded("behind-something", b"<html>" + whole)
    encrypted = bytearray(zip_of([("a.png", PNG)]))
    encrypted[6] |= 1
    encrypted[encrypted.index(b"PK\x01\x02") + 8] |= 1
    seeded("encrypted", bytes(encrypted))
    link = zipfile.ZipInfo("link.png")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    link.create_system = 3
    seeded("link", zip_of([(link, b"/etc/passwd"), ("beside.png", PNG)]))
    seeded("bomb", zip_of([("a.png", PNG + bytes(1 << 20))]))
    seeded("many", zip_of([(str(number), b"") for number in range(1001)], zipfile.ZIP_STORED))
    seeded("empty", zip_of([]))
    for number, names in enumerate([NAMES, ["a.png", ". a.png", " a.png", "..a.png"], ["job.json", "x/job.json", "JOB.json"],
                                    ["0123456789abcdef_1.png", "0123456789abcdef_2.png"]]):
        for choice in (1, 31):
            seed("unpack", f"names-{number}-{choice}", bytes([choice]) + "\n".join(names).encode())


def images():
    for path in sorted((ROOT / "cli/samples").glob("*.jpg")):
        # The head is what is read.
        seed("inspect", path.stem, path.read_bytes()[:8192])
    seed("inspect", "png", PNG)
    frame = b"\x2c\0\0\0\0\x01\0\x01\0\0\x02\x02\x44\x01\0"
    seed("inspect", "gif", b"GIF89a\x01\0\x01\0\x80\0\0\0\0\0\xff\xff\xff" + frame + frame + b"\x3b")
    seed("inspect", "bmp", b"BM" + (58).to_bytes(4, "little") + bytes(4) + (54).to_bytes(4, "little") + (40).to_bytes(4, "little")
         + (2).to_bytes(4, "little") * 2 + b"\1\0\x18\0" + bytes(24))
    entry = lambda tag, kind, value: tag.to_bytes(2, "little") + kind.to_bytes(2, "little") + (1).to_bytes(4, "little") + value.to_bytes(4, "little")
    seed("inspect", "tiff", b"II*\0\x08\0\0\0\x02\0" + entry(256, 3, 5) + entry(257, 3, 3) + bytes(4))
    seed("inspect", "webp", b"RIFF\x1e\0\0\0WEBPVP8X\x0a\0\0\0\x02\0\0\0\x04\0\0\x02\0\0ANIM\x06\0\0\0" + bytes(6))


for fill in (callbacks, replies, events, keys, presets, zips, images):
    fill()
