"""A second opinion on layers, by Python's tarfile and by an encoder written from
protocol/normalize/README.md alone. It trusts the layers to be acceptable: it refuses nothing.

  normalize_referee.py [--profile ID] layer FILE...   one JSON line a layer: digest and entries
  normalize_referee.py rootfs FILE...                 one JSON line: the hash of the flattened tree
  normalize_referee.py [--profile ID] image           one JSON line an image: both digests; standard input
                                                      is [{canonical, annotations, layers: [{file, annotations}]}]
  normalize_referee.py disk FOLDER...                 one JSON line a folder: what lies on disk

Layers are plain tars. Names, targets and attributes are written with one character a byte.
"""
import hashlib
import json
import os
import stat
import struct
import sys
import tarfile

PROFILE = "rebuildnet/1"
DROP, XATTRS_OUT, CLAMP = set(), set(), None
KINDS = dict(directory=1, file=2, symlink=3, char=4, block=5, fifo=6, whiteout=7, xlink=8)
EXCLUDED = {"path", "linkpath", "size", "uid", "gid", "mtime", "atime", "ctime", "uname", "gname",
            "comment", "LIBARCHIVE.creationtime"}
ABSENT_FILES = (b"etc/hosts", b"etc/hostname", b"etc/resolv.conf", b".dockerenv", b"run/.containerenv")
ABSENT_DIRECTORIES = (b"dev", b"proc", b"sys", b"run")


def take_profile(identifier):
    global PROFILE, CLAMP
    PROFILE = identifier
    for parameter in identifier.split(";")[1:]:
        if parameter.startswith("drop="):
            DROP.add(unescape(parameter[5:]))
        elif parameter.startswith("xattr-="):
            XATTRS_OUT.add(unescape(parameter[7:]))
        elif parameter.startswith("mtime=clamp:"):
            CLAMP = int(parameter[12:])


def unescape(text):
    head, *rest = text.encode().split(b"%")
    return head + b"".join(bytes([int(each[:2], 16)]) + each[2:] for each in rest)


def tagged(kind, data):
    tag = hashlib.sha256(f"{PROFILE}\0{kind}".encode()).digest()
    return hashlib.sha256(tag + tag + data).digest()


def u16(n): return struct.pack(">H", n)
def u32(n): return struct.pack(">I", n)
def u64(n): return struct.pack(">Q", n)
def lp16(x): return u16(len(x)) + x
def lp32(x): return u32(len(x)) + x
def raw(text): return text.encode("utf-8", "surrogateescape")


class Directory:
    kind = "directory"

    def __init__(self, meta=None):
        self.meta, self.opaque, self.children = meta, False, {}


class Leaf:
    """An inode; a hardlink group is one of them under several names."""

    def __init__(self, kind, meta=None, body=b"", **facts):
        self.kind, self.meta, self.body, self.facts, self.names = kind, meta, body, facts, []


def pairs(attributes):
    return u16(len(attributes)) + b"".join(lp16(k) + lp32(v) for k, v in sorted(attributes.items()))


def encode_meta(meta):
    mode, uid, gid, xattrs, records, mtime = meta
    time = b"" if CLAMP is None else u64(min(mtime, CLAMP))
    return u16(mode) + u32(uid) + u32(gid) + pairs(xattrs) + pairs(records) + time


def encode_leaf(leaf, grouped):
    if leaf.kind == "whiteout":
        return bytes([KINDS["whiteout"]])
    body = leaf.body
    if leaf.kind == "file" and leaf.names and all(name in DROP for name in leaf.names):
        body = u64(0) + bytes(32)
    tail = b"\0"
    if grouped and len(leaf.names) > 1:
        tail = b"\1" + lp32(min(leaf.names))
    return bytes([KINDS[leaf.kind]]) + encode_meta(leaf.meta) + body + tail


def hash_directory(directory, grouped=True):
    flags = (directory.meta is not None) | (directory.opaque << 1)
    meta = b"" if directory.meta is None else encode_meta(directory.meta)
    out = lp32(bytes([1, flags]) + meta) + u32(len(directory.children))
    for name, child in sorted(directory.children.items()):
        is_directory = child.kind == "directory"
        digest = hash_directory(child, grouped) if is_directory else tagged("leaf", encode_leaf(child, grouped))
        out += lp16(name) + bytes([KINDS[child.kind]]) + digest
    return tagged("dir", out)


def components(name):
    return [part for part in name.split(b"/") if part not in (b"", b".")]


OUT_EVERYWHERE = {"org.opencontainers.image.created", "org.opencontainers.image.ref.name",
                  "io.containerd.image.name"}
OUT_ON_MANIFEST = OUT_EVERYWHERE | {"org.opencontainers.image.base.name", "org.opencontainers.image.base.digest"}
OUT_ON_LAYER = OUT_EVERYWHERE | {"containerd.io/uncompressed", "buildkit/rewritten-epoch"}


def hash_annotations(annotations, out):
    counted = sorted((k.encode(), v.encode()) for k, v in annotations.items() if k not in out)
    return tagged("ann", u32(len(counted)) + b"".join(lp16(k) + lp32(v) for k, v in counted))


def read_image(image):
    config = tagged("config", image["canonical"].encode())
    roots = [read_layer(layer["file"])[0] for layer in image["layers"]]
    body = config + hash_annotations(image["annotations"], OUT_ON_MANIFEST) + u32(len(roots))
    for layer, root in zip(image["layers"], roots):
        body += tagged("layer", hash_directory(root)) + hash_annotations(layer["annotations"], OUT_ON_LAYER)
    rootfs = tagged("rootfs", hash_directory(flatten(roots), False))
    digests = dict(normalized=tagged("image", body), rootfs=tagged("rootfs-image", config + rootfs))
    return {level: f"{PROFILE}:sha256:{digest.hex()}" for level, digest in digests.items()}


def find(root, parts):
    node = root
    for part in parts:
        node = node.children.get(part) if isinstance(node, Directory) else None
        if node is None:
            return None
    return node


def meta_of(member, kind):
    xattrs, records = {}, {}
    for key, value in member.pax_headers.items():
        if key.startswith("SCHILY.xattr."):
            if raw(key[13:]) not in XATTRS_OUT:
                xattrs[raw(key[13:])] = raw(value)
        elif key not in EXCLUDED:
            records[raw(key)] = raw(value)
    mode = 0o777 if kind == "symlink" else member.mode & 0o7777
    return (mode, member.uid, member.gid, xattrs, records, int(member.mtime // 1))


def read_member(tar, member):
    device = u32(member.devmajor) + u32(member.devminor)
    if member.isdir():
        return Directory(meta_of(member, "directory"))
    if member.issym():
        target = raw(member.linkname)
        return Leaf("symlink", meta_of(member, "symlink"), lp32(target), target=target)
    if member.ischr() or member.isblk():
        kind = "char" if member.ischr() else "block"
        return Leaf(kind, meta_of(member, kind), device, major=member.devmajor, minor=member.devminor)
    if member.isfifo():
        return Leaf("fifo", meta_of(member, "fifo"))
    content, digest = tar.extractfile(member), hashlib.sha256()
    while piece := content.read(1 << 20):
        digest.update(piece)
    body = u64(member.size) + digest.digest()
    return Leaf("file", meta_of(member, "file"), body, size=member.size, sha256=digest.hexdigest())


def read_layer(file):
    root, xlinks, listing, late = Directory(), {}, [], set()
    with tarfile.open(file, "r:", encoding="utf-8", errors="surrogateescape") as tar:
        for member in tar:
            parts = components(raw(member.name))
            parent = root
            for part in parts[:-1]:
                parent = parent.children.setdefault(part, Directory())
            path, name = b"/".join(parts), parts[-1] if parts else b""
            if name == b".wh..wh..opq":
                parent.opaque = True
                continue
            if name.startswith(b".wh."):
                parent.children[name[4:]] = Leaf("whiteout")
                continue
            if member.islnk():
                target = components(raw(member.linkname))
                node = find(root, target)
                if node is None or node.kind == "whiteout":
                    joined = b"/".join(target)
                    fresh = Leaf("xlink", meta_of(member, "xlink"), lp32(joined), target=joined)
                    node = xlinks.setdefault(joined, fresh)
            else:
                node = read_member(tar, member)
            if isinstance(node, Directory):
                known = root if not parts else parent.children.setdefault(name, node)
                if known.meta is None:
                    known.meta = node.meta
            else:
                parent.children[name] = node
                node.names.append(path)
            listing.append(describe(path, node))
    return root, listing


def describe(path, node):
    mode, uid, gid, xattrs, _, _ = node.meta
    out = dict(path=path.decode("latin-1"), kind=node.kind, mode=mode, uid=uid, gid=gid)
    out["xattrs"] = {k.decode("latin-1"): v.decode("latin-1") for k, v in sorted(xattrs.items())}
    for key, value in getattr(node, "facts", {}).items():
        out[key] = value.decode("latin-1") if isinstance(value, bytes) else value
    return out


def lay_over(target, upper):
    if upper.opaque:
        target.children.clear()
    if upper.meta is not None:
        target.meta = without_drivers(upper.meta)
    for name, node in upper.children.items():
        if node.kind == "whiteout":
            target.children.pop(name, None)
        elif node.kind == "directory":
            below = target.children.get(name)
            if below is None or below.kind != "directory":
                below = target.children[name] = implied()
            lay_over(below, node)
        else:
            copy = Leaf(node.kind, without_drivers(node.meta), node.body, **node.facts)
            target.children[name] = copy


def implied():
    return Directory((0o755, 0, 0, {}, {}, 0))


def without_drivers(meta):
    kept = {k: v for k, v in meta[3].items()
            if not k.startswith((b"trusted.overlay.", b"user.overlay."))}
    return (*meta[:3], kept, *meta[4:])


def flatten(layers):
    root = implied()
    for layer in layers:
        lay_over(root, layer)
    for path in ABSENT_FILES + ABSENT_DIRECTORIES:
        *parents, name = path.split(b"/")
        parent = find(root, parents)
        node = find(root, path.split(b"/"))
        empty_file = node is not None and node.kind == "file" and node.facts["size"] == 0
        empty_directory = node is not None and node.kind == "directory" and not node.children
        if empty_file if path in ABSENT_FILES else empty_directory:
            del parent.children[name]
    name_leaves(root, b"")
    return root


def name_leaves(directory, prefix):
    for name, node in directory.children.items():
        if node.kind == "directory":
            name_leaves(node, prefix + name + b"/")
        else:
            node.names = [prefix + name]


def read_disk(folder):
    base = os.fsencode(folder)
    found = [describe_disk(base, b"")]
    for parent, folders, files in os.walk(base):
        for name in folders + files:
            full = os.path.join(parent, name)
            found.append(describe_disk(full, os.path.relpath(full, base)))
    return found


def describe_disk(full, path):
    status = os.lstat(full)
    kind = {stat.S_IFDIR: "directory", stat.S_IFREG: "file", stat.S_IFLNK: "symlink",
            stat.S_IFCHR: "char", stat.S_IFBLK: "block", stat.S_IFIFO: "fifo"}[stat.S_IFMT(status.st_mode)]
    out = dict(path=path.decode("latin-1"), kind=kind, mode=stat.S_IMODE(status.st_mode),
               uid=status.st_uid, gid=status.st_gid)
    names = sorted(os.listxattr(full, follow_symlinks=False))
    out["xattrs"] = {name: os.getxattr(full, name, follow_symlinks=False).decode("latin-1")
                     for name in names}
    if kind == "file":
        with open(full, "rb") as content:
            out["sha256"] = hashlib.sha256(content.read()).hexdigest()
        out["size"] = status.st_size
    elif kind == "symlink":
        out["target"] = os.readlink(full).decode("latin-1")
    elif kind in ("char", "block"):
        out["major"], out["minor"] = os.major(status.st_rdev), os.minor(status.st_rdev)
    return out


def main(arguments):
    if arguments[0] == "--profile":
        take_profile(arguments[1])
        arguments = arguments[2:]
    command, *files = arguments
    if command == "disk":
        for folder in files:
            print(json.dumps(read_disk(folder)))
    elif command == "image":
        for image in json.load(sys.stdin):
            print(json.dumps(read_image(image)))
    elif command == "rootfs":
        root = flatten([read_layer(file)[0] for file in files])
        print(json.dumps(dict(hash=tagged("rootfs", hash_directory(root, False)).hex())))
    else:
        for file in files:
            root, listing = read_layer(file)
            print(json.dumps(dict(digest=tagged("layer", hash_directory(root)).hex(), entries=listing)))


main(sys.argv[1:])
