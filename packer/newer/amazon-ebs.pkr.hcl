# SPDX-License-Identifier: Apache-2.0
# Settings of the source amazon-ebs that Packer 1.6 does not know. The front end puts them at the end of the source.

# Without a token, the metadata service answers neither on the builder nor, by default, on instances of the image.
imds_support = "v2.0"
metadata_options {
  http_endpoint               = "enabled"
  http_put_response_hop_limit = 1
  http_tokens                 = "required"
}
