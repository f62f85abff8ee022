#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""`seqsrc ! seqenc` against Biopython, seqkit and samtools: on generated files with all that the
formats allow, and on real ones, each gives as many records and residues, and the same MD5 over names,
residues and qualities, as every peer that is defined on that input. A peer that is not there is
skipped."""

import bz2  # noqa: F401  (Biopython's own imports are what fails first on small systems)
import gzip
import hashlib
import os
import random
import shutil
import subprocess
import sys
import tempfile

SEQRUN = os.environ["SEQRUN"]
EXAMPLES = os.environ.get("GST_SEQ_EXAMPLES", "/nonexistent")
SAMPLES = os.environ["GST_SEQ_TEST_DATA"]
