# SPDX-License-Identifier: LGPL-2.1-or-later
# What pipelines/run and tests/run share: packages, set-up, example data. To be sourced by bash,
# with $root naming the top of the tree.

# to build and to run (Debian 12); libdeflate is what tests compress with, and they are configured
# with the rest, once
build_packages=(gcc libc6-dev meson ninja-build pkgconf libgstreamer1.0-dev libisal-dev
  libdeflate-dev libzstd-dev gstreamer1.0-tools gstreamer1.0-plugins-base)
# what the tests need besides: other plugins, compressors and other readers to compare with, and Python
# bindings
test_packages=(gstreamer1.0-plugins-good gzip tabix zstd gobject-introspection
  libgirepository1.0-dev gir1.2-gstreamer-1.0 python3-gi python3-biopython seqkit samtools)
# to fuzz, besides (tests/fuzz/run)
fuzz_packages=(clang libclang-rt-dev)

# where each example stands, and the package that it comes from
proteins=/usr/share/doc/mmseqs2/example-data/DB.fasta.gz
reads=/usr/share/doc/bowtie2/examples/reads/longreads.fq.gz

say () { printf '%s\n' "$*" >&2; }

die () { say "$*"; exit 1; }

is_installed () {
  dpkg-query -W -f '${db:Status-Status}\n' "$1" 2>/dev/null | grep -qx installed
}

# as_root COMMAND...: through sudo when need be, which asks for no password in a CI job
as_root () {
  if [ "$(id -u)" -eq 0 ]; then
    "$@"
  elif command -v sudo >/dev/null; then
    sudo ${CI:+-n} "$@"
  else
    say "Not root, and there is no sudo."
    return 1
  fi
}

apt_install () {
  as_root apt-get update -qq >&2 || say "(apt-get update failed; trying with the lists at hand)"
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >&2
}

# need WHY PACKAGE...: installs those that are missing, and says so first
need () {
  local why=$1 missing=() package
  shift
  if ! command -v dpkg-query >/dev/null; then
    say "This is no Debian, so nothing is installed. Needed $why: $*"
    return 0
  fi
  for package; do
    is_installed "$package" || missing+=("$package")
  done
  [ ${#missing[@]} -eq 0 ] && return 0
  say "Installing what is needed $why and not there yet: ${missing[*]}"
  apt_install "${missing[@]}" && newly_installed=yes && return 0
  say "Installing failed. With network and as root, run:"
  say "  apt-get update && apt-get install ${missing[*]}"
  return 1
}

# build DIRECTORY TARGET [MESON OPTION...]: configures once, and again with what has been installed
# since; builds what changed
build () {
  local dir=$1 target=$2 log
  shift 2
  if [ -n "${newly_installed-}" ] && [ -e "$dir/build.ninja" ]; then
    log=$(meson setup --reconfigure "$dir" "$root" 2>&1) || {
      say "$log"
      die "Configuring failed; see above."
    }
  fi
  if [ ! -e "$dir/build.ninja" ]; then
    say "Configuring $dir"
    log=$(meson setup "$@" "$dir" "$root" 2>&1) || {
      say "$log"
      die "Configuring failed; see above."
    }
    say "Building (the first time takes a minute)"
  fi
  ninja -C "$dir" --quiet ${target:+"$target"} | sed '/^ninja: no work to do/d' >&2 ||
    die "Building failed; see above."
}

# example PACKAGE FILE: prints where FILE of PACKAGE is, installing or unpacking it when it is not
# there; fails where it can't be had
example () {
  local package=$1 file=$2 store=$root/build/data
  if [ ! -e "$file" ] && [ ! -e "$store$file" ] && command -v apt-get >/dev/null; then
    need "as example input" "$package" || true
    # small images drop /usr/share/doc while they install, so take the file out of the package
    if [ ! -e "$file" ]; then
      say "Taking $file out of package $package"
      mkdir -p "$store"
      (cd "$store" && apt-get download -qq "$package" >&2 && dpkg-deb -x "$package"_*.deb . &&
        rm -f "$package"_*.deb) || true
    fi
  fi
  for file in "$file" "$store$file"; do
    if [ -e "$file" ]; then
      printf '%s\n' "$file"
      return 0
    fi
  done
  return 1
}

# The plugins, presets and typelibs of build directory $1, for programs that run from there.
use_build () {
  export GST_PLUGIN_PATH=$1/plugins/seq:$1/plugins/cudamem${GST_PLUGIN_PATH:+:$GST_PLUGIN_PATH}
  export GST_PRESET_PATH=$root/pipelines/presets${GST_PRESET_PATH:+:$GST_PRESET_PATH}
  export GST_REGISTRY=$1/registry.bin
}
