# SPDX-License-Identifier: Apache-2.0
"""The front end and a bucket: its lists, the files of a build, and the credentials for it."""

from bucket import KEY_ID, SECRET, TOKEN
from fixture import BUILD, FrontEndTest, write_program

KEYS = {"AWS_ACCESS_KEY_ID": KEY_ID, "AWS_SECRET_ACCESS_KEY": SECRET}
NO_CREDENTIALS = {"AWS_SHARED_CREDENTIALS_FILE": "/nonexistent"}


class BucketTest(FrontEndTest):
    def start_build(self, **variables):
        """A build with a Packer that notes the credentials it gets."""
        packer = self.fake_packer(more=f'env | grep ^PKR_VAR_aws | sort >"{self.directory}/given"')
        return self.make("1.34", PACKER_BINARY=packer, **variables)

    def assert_given(self, **expected):
        given = dict(line.split("=", 1) for line in (self.directory / "given").read_text().splitlines())
        self.assertEqual(given, {f"PKR_VAR_aws_{name}": value for name, value in expected.items()})

    def test_lists_of_versions_builds_platforms_and_architectures(self):
        self.assertEqual(self.succeeds(self.make("list-versions")).split(), ["1.33.5", "1.34.1", "1.34.10", "1.34.11"])

        build = {"kubernetes_version": "1.34.10"}
        self.assertEqual(self.succeeds(self.make("list-builds", **build)).split(), ["2025-10-01", "2025-12-02", "2025-12-20"])

        build["kubernetes_build_date"] = "2025-12-02"
        self.assertEqual(self.succeeds(self.make("list-platforms", **build)).split(), ["linux", "windows"])
        self.assertEqual(self.succeeds(self.make("list-architectures", **build)).split(), ["amd64"])

        self.assertEqual({signed for _, signed, _ in self.bucket.requests}, {False})

    def test_long_lists_come_in_pages(self):
        self.bucket.page = 1
        for credentials in {}, KEYS:
            self.bucket.private = bool(credentials)
            with self.subTest(private=self.bucket.private):
                text = self.succeeds(self.make("list-versions", environment=credentials))
                self.assertEqual(text.split(), ["1.33.5", "1.34.1", "1.34.10", "1.34.11"])

    def test_a_bucket_elsewhere(self):
        self.bucket.region = "eu-west-1"
        self.fails(self.make("list-versions"), "is in the region eu-west-1", "binary_bucket_region=eu-west-1")
        self.fails(self.make("list-versions", binary_endpoint="http://127.0.0.1:1"), "cannot read the bucket 'amazon-eks'",
                   "http://127.0.0.1:1/amazon-eks")

    def test_files_of_the_newest_build(self):
        for variables, version, date in (({}, "1.34.10", "2025-12-02"), ({"arch": "arm64"}, "1.34.1", "2025-11-13")):
            text = self.succeeds(self.make("check-bucket", k8s="1.34", binary_bucket_name="binaries", **variables))
            self.assertIn(f"s3://binaries/{version}/{date}/bin/linux/", text)

        text = self.succeeds(self.make("check-bucket", kubernetes_version="<1.34", k8s="1.34"))
        self.assertIn("s3://amazon-eks/1.33.5/", text)

    def test_files_of_a_bucket(self):
        build = {**BUILD, "binary_bucket_name": "binaries"}
        text = self.succeeds(self.make("check-bucket", **build))
        self.assertIn("s3://binaries/1.34.1/2025-11-13/bin/linux/amd64/\n  there    kubelet\n", text)
        self.assertIn("  there    aws-iam-authenticator (not needed)\n", text)
        self.assertIn("  absent   cni-plugins-linux-amd64-v1.6.2.tgz (not needed)\n", text)

        text = self.succeeds(self.make("check-bucket", enable_authenticator="true", **build))
        self.assertIn("  there    aws-iam-authenticator.sha256\n", text)

        del self.bucket.objects["1.34.1/2025-11-13/bin/linux/arm64/ecr-credential-provider.sha256"]
        done = self.make("check-bucket", arch="arm64", **build)
        self.fails(done, "lacks ecr-credential-provider.sha256", "ecr_credential_provider_sha256=DIGITS")
        self.assertIn("missing  ecr-credential-provider.sha256", done.stdout)

        text = self.succeeds(self.make("check-bucket", arch="arm64", ecr_credential_provider_sha256="0" * 64, **build))
        self.assertIn("absent   ecr-credential-provider.sha256 (not needed)", text)

        # a bucket of an old version has no credential provider
        del self.bucket.objects["1.34.1/2025-11-13/bin/linux/arm64/ecr-credential-provider"]
        self.fails(self.make("check-bucket", arch="arm64", **build), "lacks ecr-credential-provider ", "enable_credential_provider=false")
        text = self.succeeds(self.make("check-bucket", arch="arm64", enable_credential_provider="false", **build))
        self.assertIn("absent   ecr-credential-provider (not needed)", text)
        self.fails(self.make("check", credential_provider_version="1.33.5", enable_credential_provider="false", **build),
                   "is to have no ecr-credential-provider")

        self.fails(self.make("check-bucket", pull_cni_from_github="false", cni_plugin_version="v1.6.2", **build),
                   "lacks cni-plugins-linux-amd64-v1.6.2.tgz cni-plugins-linux-amd64-v1.6.2.tgz.sha256")

    def test_a_bucket_of_ones_own_is_compared_with_that_of_eks(self):
        self.assertNotIn("in yours", self.succeeds(self.make("check-bucket", **BUILD)))

        own = {**BUILD, "binary_bucket_name": "binaries"}
        folder = "1.34.1/2025-11-13/bin/linux/amd64/"
        self.assertIn(f"s3://amazon-eks/{folder}\n  nothing that is not in yours\n", self.succeeds(self.make("check-bucket", **own)))

        for name in "kube-proxy", "kubectl":
            self.bucket.put(folder + name, "")
            self.bucket.of_eks.add(folder + name)
        self.assertIn(f"s3://amazon-eks/{folder}\n  only here kube-proxy\n  only here kubectl\n", self.succeeds(self.make("check-bucket", **own)))

        text = self.succeeds(self.make("check-bucket", binary_endpoint=self.bucket.url, environment={"AWS_ENDPOINT_URL_S3": "http://127.0.0.1:9"}, **own))
        self.assertIn("not compared: packer: cannot read the bucket 'amazon-eks'", text)

    def test_private_buckets(self):
        self.bucket.private = True
        done = self.make("list-versions")
        self.fails(done, "may not be listed with these credentials", "s3:ListBucket")
        self.assertNotIn("newer, which signs", done.stderr)

        old = write_program(self.directory / "bin/curl", '[ "$1" = --version ] && echo "curl 7.81.0 (x)" || exec /usr/bin/curl "$@"')
        self.fails(self.make("list-versions", environment={"PATH": f"{old.parent}:{self.environment['PATH']}"}),
                   "install curl 7.88 or newer", "7.81.0")

        self.assertIn("1.34.1", self.succeeds(self.make("list-versions", environment=KEYS)))

        self.bucket.token = TOKEN
        self.fails(self.make("list-versions", environment=KEYS), "may not be listed")
        self.assertIn("1.34.1", self.succeeds(self.make("list-versions", environment=KEYS | {"AWS_SESSION_TOKEN": TOKEN})))

        file = self.directory / "credentials"
        file.write_text(f"[default]\naws_access_key_id = other\n[ci]\naws_access_key_id = {KEY_ID}\n"
                        f"aws_secret_access_key={SECRET}\naws_session_token = {TOKEN}\n")
        profile = {"AWS_SHARED_CREDENTIALS_FILE": str(file), "AWS_PROFILE": "ci"}
        self.assertIn("1.34.1", self.succeeds(self.make("list-versions", environment=profile)))

    def test_profiles_of_other_kinds_need_the_cli(self):
        """SSO, roles and processes: the AWS CLI makes keys of them, once."""
        self.bucket.private, self.bucket.token = True, TOKEN
        config = self.directory / "config"
        profile = {"AWS_CONFIG_FILE": str(config), "AWS_PROFILE": "ci"} | NO_CREDENTIALS
        config.write_text("[default]\nregion = x\n[profile ci]\nsso_session = corp\n[sso-session corp]\nsso_region = x\n")
        done = self.make("list-versions", environment=profile)
        self.fails(done, "may not be listed", "the profile 'ci' has sso_session, of which only the AWS CLI makes credentials: install it")
        self.assertEqual(done.stderr.count("sso_session"), 1)

        aws = write_program(self.directory / "cli/aws", f"""echo "$@" >>{self.directory}/cli/calls
            printf '%s\\n' AWS_ACCESS_KEY_ID={KEY_ID} AWS_SECRET_ACCESS_KEY={SECRET} AWS_SESSION_TOKEN={TOKEN} AWS_CREDENTIAL_EXPIRATION=x""")
        profile["PATH"] = f"{aws.parent}:{self.environment['PATH']}"
        for line in "sso_session = corp", "role_arn=arn:aws:iam::111122223333:role/x", "credential_process = /opt/keys", "sso_start_url = https://x":
            config.write_text(f"[profile ci]\n{line}\n")
            self.assertIn("1.34.1", self.succeeds(self.make("list-versions", environment=profile)))

        calls = (aws.parent / "calls").read_text().splitlines()
        self.assertEqual(calls, ["configure export-credentials --profile ci --format env-no-export"] * 4)
        self.assertIn("1.34.1", self.succeeds(self.make("list-versions", environment=profile | KEYS | {"AWS_SESSION_TOKEN": TOKEN})))
        self.assertEqual(len((aws.parent / "calls").read_text().splitlines()), 4)

        write_program(aws, "echo The SSO session has expired. >&2; exit 255")
        self.fails(self.make("list-versions", environment=profile), "The SSO session has expired.", "may not be listed")

    def test_a_public_bucket_is_read_with_unknown_credentials(self):
        keys = {"AWS_ACCESS_KEY_ID": "AKIDOTHER", "AWS_SECRET_ACCESS_KEY": "x"}
        self.assertIn("1.34.1", self.succeeds(self.make("list-versions", environment=keys)))

    def test_the_builder_gets_the_credentials_it_needs(self):
        self.add_packages()
        profile = self.write_credentials()
        self.succeeds(self.start_build(environment=profile))
        self.assert_given()  # the bucket is public

        self.bucket.private, self.bucket.token = True, TOKEN
        done = self.start_build(environment=profile)
        self.assertNotIn(SECRET, self.succeeds(done) + done.stderr)
        self.assert_given(access_key_id=KEY_ID, secret_access_key=SECRET, session_token=TOKEN)
        self.assertNotIn(SECRET, (self.directory / "calls").read_text())

        self.succeeds(self.start_build(iam_instance_profile="role", environment=profile))
        self.assert_given()

        self.bucket.private = False
        grid = {"variant": "gpu-nvidia-grid", "nvidia_grid_runfile": "x.run", "nvidia_grid_sha256": "0" * 64}
        self.fails(self.start_build(**grid, environment=NO_CREDENTIALS), "without credentials", "iam_instance_profile=NAME")

        config = self.write_config(f'variants = "gpu-nvidia-grid"\nnvidia_grid_runfile = "x.run"\nnvidia_grid_sha256 = "{"0" * 64}"\n')
        self.fails(self.start_build(config=config, environment=NO_CREDENTIALS), "without credentials", "iam_instance_profile=NAME")

    def test_images_that_need_credentials(self):
        self.add_packages()
        profile = self.write_credentials(token="")

        private = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/pause:3.10"
        for variables, what in (
            ({"cache_container_images": "true"}, "the images of cache_container_images=true"),
            ({"pause_container_image": private}, f"the pause image {private}"),
        ):
            with self.subTest(what):
                self.succeeds(self.start_build(environment=profile, **variables))
                self.assert_given(access_key_id=KEY_ID, secret_access_key=SECRET, session_token="")
                self.fails(self.start_build(environment=NO_CREDENTIALS, **variables),
                           f"{what} cannot be read without credentials", "iam_instance_profile=NAME")

        # Such variables of the environment are not ours.
        self.succeeds(self.start_build(environment=profile | {"cache_container_images": "true", "pause_container_image": private}))
        self.assert_given()
