"""What the code says of its surroundings, taken from its source: which function reads which variables and secrets, what
the table and the queues are called, how long a function may take. Names are not listed here; they are found there."""

import pathlib
import re

ROOT = pathlib.Path(__file__).resolve().parents[2]


class Sources:
    """Rust sources without comments and tests. `edits` change what a file says, for the test of the test."""

    def __init__(self, edits: dict | None = None):
        self.edits = edits or {}

    def read(self, path: str) -> str:
        text = (ROOT / path).read_text()
        for old, new in self.edits.get(path, []):
            if old not in text:
                raise ValueError(f"{path} does not hold {old!r}")
            text = text.replace(old, new)
        text = re.sub(r"^\s*//.*$", "", text, flags=re.MULTILINE)
        return text.split("#[cfg(test)]\nmod tests", 1)[0]

    def folder(self, path: str) -> dict:
        return {str(file.relative_to(ROOT)): self.read(str(file.relative_to(ROOT)))
                for file in sorted((ROOT / path).rglob("*.rs")) if "tests" not in file.name}


def one(pattern: str, text: str, what: str) -> str:
    """The only thing that fits; the source may have changed so that this test no longer understands it."""
    found = set(re.findall(pattern, text))
    if len(found) != 1:
        raise ValueError(f"{what}: {len(found)} places fit {pattern!r}, and not one. Has the code moved?")
    return found.pop()


def bodies(text: str) -> dict:
    """The functions of a source by name: whether they take `self`, and what they do."""
    found = {}
    for head in re.finditer(r"\bfn (\w+)", text):
        start = text.find("{", head.end())
        semicolon = text.find(";", head.end())
        if start < 0 or 0 <= semicolon < start:
            continue
        depth, end = 0, start
        for end in range(start, len(text)):
            depth += {"{": 1, "}": -1}.get(text[end], 0)
            if depth == 0:
                break
        takes_self = bool(re.match(r"(<[^(]*>)?\(\s*(&\s*(mut\s+)?|mut\s+)?self\b", text[head.end():start]))
        found.setdefault((head.group(1), takes_self), []).append(text[start:end + 1])
    return found


def reached(root: str, sources: dict) -> str:
    """All that the function `root` may come to do. A name means the function of its own file, or else one that the file
    imports; a method means every method of that name."""
    functions = {(file, name, takes_self): "\n".join(found) for file, text in sources.items()
                 for (name, takes_self), found in bodies(text).items()}
    imports = {file: set(re.findall(r"\w+", " ".join(re.findall(r"^use [^;]*;", text, flags=re.MULTILINE))))
               for file, text in sources.items()}
    waiting, seen = [key for key in functions if key[1] == root], set()
    while waiting:
        key = waiting.pop()
        if key in seen:
            continue
        seen.add(key)
        file, body = key[0], functions[key]
        for name in set(re.findall(r"(?<![.\w])(\w+)\(", body)):
            if (file, name, False) in functions:
                waiting.append((file, name, False))
            elif name in imports[file]:
                waiting += [other for other in functions if other[1:] == (name, False)]
        methods = set(re.findall(r"\.(\w+)\(", body))
        waiting += [other for other in functions if other[2] and other[1] in methods]
    return "\n".join(functions[key] for key in seen)


class Code:
    """The facts."""

    def __init__(self, sources: Sources):
        read = sources.read
        self.config, self.starters = read("shared/src/config/mod.rs"), read("shared/src/lambda.rs")
        # What starters have in common with the command.
        self.starters += read("shared/src/presets.rs")
        constants = dict(re.findall(r'const (\w+): &str = "(\w+)";', self.config))
        self.callback_secret, self.constants = constants["CALLBACK_SECRET"], constants
        self.fetches_nothing = one(
            r"at_once = matches!\(outcome.source, ([\w:| ]+)\)", read("shared/src/flow/attempt.rs"), "what submit finishes"
        ) == "ResultSource::Original | ResultSource::Record"
        self.flows = sources.folder("shared/src/flow") | sources.folder("shared/src/handler")

        definitions = read("shared/src/provider/definition.rs")
        self.providers = re.findall(r"ProviderName::\w+ => &(\w+)::DEFINITION", definitions)
        self.credentials, self.calls_back, self.own = {}, {}, {}
        for provider in self.providers:
            text = read(f"shared/src/provider/{provider}/mod.rs")
            listed = one(r"credentials: &\[([^\]]*)\]", text, f"credentials of {provider}")
            self.credentials[provider] = re.findall(r'"(\w+)"', listed)
            self.calls_back[provider] = one(r"read_callback: (None|Some)", text, f"callbacks of {provider}") == "Some"
            settings = read(f"shared/src/provider/{provider}/config.rs")
            names = set(re.findall(rf'"({provider.upper()}_\w+)"', settings))
            self.own[provider] = names - set(self.credentials[provider])
        every_secret = {name for names in self.credentials.values() for name in names}
        self.every_secret = every_secret | {self.callback_secret}

        table = read("shared/src/store/table.rs")
        self.table = dict(re.findall(r'const (\w+): &str = "(\w+)";', table))
        self.attributes = {
            self.table[name]: kind for name, kind in re.findall(r"\((\w+), ScalarAttributeType::(\w)\)", table)
        }
        self.indices = indices(table, self.table)
        queues = read("shared/src/store/queue.rs")
        submits = one(r'write!\(f, "([\w-]+)\{provider\}"\)', queues, "the submit queues' names")
        self.collect_queue = one(r'Self::Collect => f.write_str\("([\w-]+)"\)', queues, "the collector's queue")
        self.submit_queues = {provider: f"{submits}{provider}" for provider in self.providers}
        self.most_deliveries = int(one(r"MOST_DELIVERIES: u32 = (\d+);", read("shared/src/handler/messages.rs"), "deliveries"))
        self.lease_s = int(one(r"lease: Duration::from_secs\((\d+)\)", read("shared/src/job/schedule.rs"), "the lease"))
        self.metrics = set(re.findall(r'const \w+: Metric = Metric \{ name: "(\w+)"', read("shared/src/telemetry/metrics.rs")))

        self.functions = {}
        for main in sorted((ROOT / "functions").glob("*/src/main.rs")):
            text = read(str(main.relative_to(ROOT)))
            starter = one(r"lambda::(\w+)\(", text, f"the starter of {main.parts[-3]}")
            providers = [name.lower() for name in re.findall(r"ProviderName::(\w+)", text)]
            served = Served(sources, text) if starter == "serve" else None
            self.functions[main.parts[-3]] = Function(self, starter, providers, read("shared/src/secrets.rs"), served)
        self.every_secret |= {name for function in self.functions.values() for name in function.secrets}


def indices(table: str, names: dict) -> dict:
    """The indices of the table by their names, in the words of CloudFormation."""
    kinds = dict(re.findall(r"let (\w+) = Projection::builder\(\)\.projection_type\(ProjectionType::(\w+)\)", table))
    lists = dict(re.findall(r"const (\w+): \[&str; \d+\] = \[([^\]]*)\];", table))
    held = {projection: [names[name] for name in re.findall(r"\w+", lists[listed])]
            for projection, listed in re.findall(r"let (\w+) = (\w+)\.iter\(\)\.fold", table)}
    found = {}
    for index, key, sort, projection in re.findall(r"\bindex\((\w+), (\w+), (\w+), (\w+)\)", table):
        form = {"ProjectionType": kinds[projection].upper()}
        if projection in held:
            form["NonKeyAttributes"] = sorted(held[projection])
        found[names[index]] = {
            "KeySchema": [{"AttributeName": names[key], "KeyType": "HASH"}, {"AttributeName": names[sort], "KeyType": "RANGE"}],
            "Projection": form,
        }
    return found


class Served:
    """What a function serves that has a crate of its own, the gallery: all that the crate does, and which secrets it is
    started with."""

    def __init__(self, sources: Sources, main: str):
        crate = one(r"use darkroom_(\w+)::\{", main, "the crate that is served")
        self.text = "\n".join(sources.folder(f"{crate}/src").values())
        constants = dict(re.findall(r'const (\w+): &str = "(\w+)";', self.text))
        self.secrets = {constants[name] for name in re.findall(r"\w+", one(r"serve\(&\[([^\]]*)\]", main, "its secrets"))}


class Function:
    """What one function reads. `required` has to be set, `optional` may be."""

    def __init__(self, code: Code, starter: str, providers: list, secrets: str, served: Served | None):
        starters = {name: "\n".join(found) for (name, _), found in bodies(code.starters).items()}
        config = {name: "\n".join(found) for (name, _), found in bodies(code.config).items()}
        if served:
            does = served.text + "".join(reached(flow, code.flows) for flow in set(re.findall(r"flow::(\w+)\(", served.text)))
        else:
            does = reached(one(r"handler::(\w+)\(", starters[starter], f"what {starter} runs"), code.flows)
        # Whether browsers put into the bucket by addresses that the function has signed.
        self.signs_for_uploads = ".presigned_upload(" in does
        calls_back = any(code.calls_back[provider] for provider in providers)
        # Who has no provider of its own works for all of them.
        about = providers or code.providers

        self.secrets = {name for provider in providers for name in code.credentials[provider]}
        if (starter == "submit" and calls_back) or "CALLBACK_SECRET" in starters[starter]:
            self.secrets.add(code.callback_secret)
        if served:
            self.secrets |= served.secrets

        self.required = literal(config["from_environment"]) | set(re.findall(r'environment\.required\("(\w+)"\)', starters["app"]))
        self.optional = literal(starters["run"])
        if self.secrets:
            self.required |= literal("\n".join(body for found in bodies(secrets).values() for body in found))
        if "config::thumbnails(" in starters["app"]:
            self.optional |= {code.constants[name] for name in re.findall(r"environment\.get\((\w+)\)", config["thumbnails"])}
        if re.search(r"(?<!\w)presets\(", starters[starter]):
            self.optional |= literal(starters["presets"])
        if starter == "submit" and calls_back:
            self.required |= literal(starters["callback_urls"])
        for part, reader in (("app.paces", "paces"), ("app.result_hosts", "result_hosts")):
            # A submit function comes to what fetches results, but only with those that need no fetching.
            if part in does and not (starter == "submit" and reader == "result_hosts" and code.fetches_nothing):
                self.optional |= named(config, reader, about)
        for provider in providers:
            self.optional |= code.own[provider]


def literal(body: str) -> set:
    """The variables that a piece of source names."""
    return set(re.findall(r'"([A-Z]+(?:_[A-Z]+)+)"', body))


def named(config: dict, reader: str, providers: list) -> set:
    """The variables <PROVIDER>_… that a function of config.rs reads, or one that it calls."""
    body = config[reader]
    body += "".join(config[called] for called in re.findall(r"(?<![.\w])(\w+)\(", body) if called in config and called != "named")
    endings = re.findall(r'named\(provider, "(\w+)"\)', body)
    return {f"{provider.upper()}_{ending}" for provider in providers for ending in endings}
