# shellcheck shell=bash
# initramfs.sh - a root file system for an emulated machine, made of this host's programs. Sourced after common.sh.
#
# Programs come with the libraries that ldd names; all else is busybox. Debug information stays behind: the memory of the
# machine is small.

# root_begin ROOT: an empty tree, with busybox under each of its names.
root_begin() {
  local name
  mkdir -p "$1"/{dev,proc,sys,run,tmp,root,etc,usr/bin,usr/sbin,usr/lib,usr/lib64}
  for name in bin sbin lib lib64; do
    ln -s "usr/$name" "$1/$name"
  done
  cp "$(command -v busybox)" "$1/bin/busybox"
  for name in $(busybox --list); do
    [[ $name == busybox ]] || ln -s busybox "$1/bin/$name"
  done
  printf 'root:x:0:0:root:/root:/bin/sh\n' >"$1/etc/passwd"
}

# put_program ROOT FILE AS: an executable and its libraries.
put_program() {
  local library
  rm -f "$1/$3"
  mkdir -p "$1/${3%/*}"
  strip -o "$1/$3" "$2" 2>/dev/null || cp "$2" "$1/$3"
  for library in $(ldd "$2" 2>/dev/null | awk '$2 == "=>" { print $3 } $1 ~ /^\// { print $1 }'); do
    [[ -e $1/$library ]] || install -D "$library" "$1/$library"
  done
}

# put_tools ROOT NAME...: commands of this host, in place of busybox's of the same name.
put_tools() {
  local name
  for name in "${@:2}"; do
    need_command "$name"
    put_program "$1" "$(command -v "$name")" "/usr/bin/$name"
  done
}

# root_pack ROOT FILE: not compressed, because unpacking is what an emulated processor is slow at.
root_pack() { (cd "$1" && find . -print0 | cpio --null --quiet --create --format=newc) >"$2"; }
