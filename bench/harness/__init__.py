# SPDX-License-Identifier: MIT
"""What the tools of this folder share."""
