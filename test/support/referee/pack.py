"""Packs the NUL-separated paths on standard input with Python's tarfile, onto standard output.

  pack.py FOLDER ustar|gnu|pax UID GID [MTIME]
"""
import os
import sys
import tarfile

folder, dialect, uid, gid, mtime = sys.argv[1:6]
FORMATS = dict(ustar=tarfile.USTAR_FORMAT, gnu=tarfile.GNU_FORMAT, pax=tarfile.PAX_FORMAT)


def noise(member):
    member.uid, member.gid, member.uname, member.gname = int(uid), int(gid), "nobody", "nogroup"
    if mtime:
        member.mtime = int(mtime)
    return member


with tarfile.open(fileobj=sys.stdout.buffer, mode="w|", format=FORMATS[dialect]) as tar:
    for path in sys.stdin.buffer.read().split(b"\0")[:-1]:
        name = os.fsdecode(path)
        tar.add(os.path.join(folder, name), arcname=name, recursive=False, filter=noise)
