/**
 * The script that makes a sandbox from within, and runs a command in it.
 *
 * It runs as the first process of the new namespaces and stays, to reap what the build orphans. The
 * text is fixed: paths and the command come as positional parameters and are never parsed. It ends
 * in a user namespace in which the command is root over nothing but its own work folder; whoever
 * assembled the root stays outside of it, so that none of its mounts can be undone.
 */

/**
 * What a builder needs to lay out files, make mounts and become other users. All else is given up
 * for good: loading modules, raw devices, tracing, the clock, the network's settings, rebooting.
 */
const CAPABILITIES = [
  'audit_write',
  'chown',
  'dac_override',
  'dac_read_search',
  'fowner',
  'fsetid',
  'kill',
  'mknod',
  'net_bind_service',
  'net_raw',
  'setfcap',
  'setgid',
  'setpcap',
  'setuid',
  'sys_admin',
  'sys_chroot',
  'sys_resource',
]

const BOUNDING_SET = ['-all', ...CAPABILITIES.map((name) => `+${name}`)].join(',')

/** What it takes to bring up loopback in a network namespace that a builder makes for its steps. */
export const NETWORK_POWER = ',+net_admin'

/** As many ids as a system's own users may have. */
export const USER_RANGE_SIZE = 65_536

/**
 * Parameters: network (`none` for a new one, or `given`), root, first id or nothing, working directory,
 * what to add to the bounding set (NETWORK_POWER or nothing), then triples `mode from to` (`ro`, `rw`, `link`, `text`) up to `--`, then the command.
 */
export const ENTER_SCRIPT = `set -eu
umask 022
network=$1 root=$2 ids=$3 cwd=$4 powers=$5
shift 5
if [ "$network" = none ]; then ip link set lo up || true; fi
if [ -n "$root" ]; then
  mount -t tmpfs -o mode=755,size=16m tmpfs "$root"
  while [ "$1" != -- ]; do
    mode=$1 from=$2 to=$root$3
    shift 3
    mkdir -p "\${to%/*}"
    if [ "$mode" = text ]; then printf %s "$from" > "$to"; continue; fi
    if [ "$mode" = link ]; then ln -s "$from" "$to"; continue; fi
    if [ -d "$from" ]; then mkdir -p "$to"; else : > "$to"; fi
    mount --bind "$from" "$to"
    if [ "$mode" = ro ]; then mount -o remount,bind,ro "$to"; fi
  done
  cd "$root"
  mkdir -p proc sys tmp run var/tmp root dev/pts dev/shm .old
  chmod 1777 tmp var/tmp
  if [ -n "$ids" ]; then chown "$ids:$ids" run root; fi
  mount -t proc proc proc
  for path in proc/sys proc/sysrq-trigger proc/irq proc/bus proc/fs; do
    if [ -e "$path" ]; then mount --bind "$path" "$path"; mount -o remount,bind,ro "$path"; fi
  done
  mount --bind /sys sys
  mount -o remount,bind,ro sys
  mount -t devpts -o newinstance,ptmxmode=0666,mode=0620 devpts dev/pts
  mount -t tmpfs -o mode=1777 tmpfs dev/shm
  ln -s pts/ptmx dev/ptmx
  ln -s /proc/self/fd dev/fd
  ln -s fd/0 dev/stdin
  ln -s fd/1 dev/stdout
  ln -s fd/2 dev/stderr
  pivot_root . .old
  umount -l /.old
  rmdir /.old
fi
shift
enter=
if [ -n "$ids" ]; then
  mkfifo -m 666 /run/made /run/ended
  unshare --user -- sh -c 'echo > /run/made; read -r end < /run/ended' &
  users=/proc/$!
  read -r made < /run/made
  echo "0 $ids ${USER_RANGE_SIZE}" > "$users/uid_map"
  echo "0 $ids ${USER_RANGE_SIZE}" > "$users/gid_map"
  enter="nsenter --user=$users/ns/user --setuid 0 --setgid 0 -- unshare --mount --"
fi
cd "$cwd"
# None of these words has a space in it.
$enter setpriv --bounding-set ${BOUNDING_SET}$powers -- "$@"
exit $?`
