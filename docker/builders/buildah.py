#!/usr/bin/env python3
"""The contract of the builder "command" (docker/BUILDERS.md), kept by way of buildah.

Something to begin from, where a project builds its image in a way of its own.
"""
import json
import os
import re
import subprocess
import sys

IMAGE = "rebuildnet.invalid/image:built"
# Exit codes of the contract.
STEP_FAILED, NOT_SUPPORTED, BAD_DOCKERFILE, NO_BASE, NO_NETWORK, BROKEN = 1, 64, 65, 69, 75, 70

env = os.environ


def work(name):
    return os.path.join(env["WORK"], name)


def buildah(command, *args, **options):
    # Nothing of the machine's own storage or configuration is read or changed.
    return subprocess.run(
        ["buildah", "--root", work("storage"), "--runroot", work("run"),
         "--registries-conf", work("registries.conf"), command, *args],
        text=True, **options)


def end(code, why):
    sys.stdout.flush()
    print(why, file=sys.stderr)
    sys.exit(code)


def bases():
    with open(env["BASES"]) as lines:
        return lines.read().split()


def write(name, text):
    with open(work(name), "w") as file:
        file.write(text)


def fetch():
    write("policy.json", '{"default":[{"type":"insecureAcceptAnything"}]}')
    plain = "".join(f'[[registry]]\nlocation = "{host}"\ninsecure = true\n'
                    for host in env["PLAIN_HTTP"].split())
    write("registries.conf", f'unqualified-search-registries = ["docker.io"]\n{plain}')
    for base in bases():
        pulled = buildah("pull", "--signature-policy", work("policy.json"),
                         "--platform", env["PLATFORM"], f"docker://{base}")
        if pulled.returncode != 0:
            end(NO_BASE, f"cannot fetch {base}")


def build():
    with open(env["RECIPE"]) as file:
        recipe = json.load(file)
    if "exporter" in recipe:
        end(NOT_SUPPORTED, "exporter options are not supported")
    args = []
    for key, value in recipe.get("buildArgs", {}).items():
        args += ["--build-arg", f"{key}={value}"]
    for key, value in recipe.get("annotations", {}).items():
        args += ["--annotation", f"{key}={value}"]
    if "TARGET" in env:
        args += ["--target", env["TARGET"]]
    if "SOURCE_DATE_EPOCH" in env:
        epoch = env["SOURCE_DATE_EPOCH"]
        args += ["--timestamp", epoch, "--build-arg", f"SOURCE_DATE_EPOCH={epoch}"]
    built = buildah(
        "bud", "--signature-policy", work("policy.json"), "--no-cache", "--layers=false",
        "--pull=false", "--isolation", "chroot", "--network", "host", "--http-proxy=false",
        # Chroot has no device control: a device node of the host's disk would be the host's disk.
        "--cap-drop", "CAP_MKNOD", "--format", "oci", "--platform", env["PLATFORM"],
        "--tag", IMAGE, *args, "--file", env["DOCKERFILE"], env["CONTEXT"],
        stderr=subprocess.PIPE)
    sys.stdout.flush()
    print(built.stderr, end="", file=sys.stderr)
    if built.returncode != 0:
        end(*explain(built.stderr))
    pushed = buildah("push", "--signature-policy", work("policy.json"),
                     IMAGE, f"oci:{env['OUTPUT']}:built")
    if pushed.returncode != 0:
        end(BROKEN, "the image cannot be written")
    read = [{"uri": f"docker://{base.split('@')[0]}", "digest": digest_of(base)} for base in bases()]
    with open(env["MATERIALS"], "w") as file:
        json.dump(read, file)


def explain(output):
    last = next((line for line in reversed(output.splitlines())
                 if line.lower().startswith("error")), "")
    if re.search("unknown instruction|parse error|no FROM statement", last, re.I):
        return (BAD_DOCKERFILE, last)
    if "building at STEP" in last:
        return (STEP_FAILED, last)
    return (BROKEN, last)


def digest_of(base):
    shown = buildah("inspect", "--type", "image", "--format", "{{.FromImageDigest}}", base,
                    stdout=subprocess.PIPE, check=True)
    return shown.stdout.strip()


def version():
    shown = subprocess.run(["buildah", "--version"], text=True, stdout=subprocess.PIPE, check=True)
    print(shown.stdout.split()[2])


{"fetch": fetch, "build": build, "version": version}[sys.argv[1]]()
