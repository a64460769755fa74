// SPDX-License-Identifier: Apache-2.0
// The message ids (MESSAGE_ID=) of eksnode. The texts are in man/eks-node.catalog; a lint test compares the
// two lists.
#pragma once

#include <string_view>

namespace eks {

// Exit statuses of every program here, after sysexits.h where it has one.
enum class Errc { failed = 1, usage = 2, unreachable = 69, try_again = 75, bad_config = 78 };

// A milestone in the journal.
struct Event {
        std::string_view name;
        std::string_view id; // 128 bits, 32 lower-case hex digits
};

// A way to fail; each has its own exit status and catalog entry.
struct Failure {
        std::string_view name;
        std::string_view id;
        Errc status;
};

namespace event {
inline constexpr Event step_finished{"step-finished", "3f22aa0d5fa74a14ba2062809bc9681b"};
inline constexpr Event user_edit_stands{"user-edit-stands", "ae5ca4cffdd14b809e9ea27dbf2b2e47"};
inline constexpr Event user_edit_kept_beside{"user-edit-kept-beside", "fddacb34a4d64c88b5573ad277aa4483"};
inline constexpr Event trusted_edit_stands{"trusted-edit-stands", "aa8418fb0e644b3e8c8937abeddd9c00"};
inline constexpr Event retry_ended{"retry-ended", "1364ab32f4e642cf9d56f28d5dd6d404"};
inline constexpr Event permissions_repaired{"permissions-repaired", "b25ea8bc10834e45abf2e3cef7248703"};
inline constexpr Event daemon_stale{"daemon-stale", "f9f2ba61e9f84082854d17f344f04f84"};
inline constexpr Event config_warning{"config-warning", "2643fc222a424143a305cb5e58f27fea"};
inline constexpr Event confined_less{"confined-less", "a60cb806c3f64c6aa732c62b1e861db5"};
inline constexpr Event still_waiting{"still-waiting", "c40d32cbb3924ea2ac5864044be24180"};
inline constexpr Event daemon_ended{"daemon-ended", "63b0d9ed2ac84d3b8212e56e773ead02"};
} // namespace event

namespace failure {
inline constexpr Failure usage{"usage", "29b6ee7f65934d01b8bb0a880f685afd", Errc::usage};
inline constexpr Failure internal{"internal", "4bd2cf9c7ba94dc998ea5d052de29e33", Errc::failed};
inline constexpr Failure file_io{"file-io", "b7863dbcc42747e0a4bbb2743dc363bc", Errc::failed};
inline constexpr Failure confinement_failed{
        "confinement-failed", "b3ad8cedaf524895b94ada38501edab1", Errc::failed};
inline constexpr Failure vendor_file{"vendor-file", "e73369189fbf4f8ebd4fdd6f59c48bdd", Errc::failed};
inline constexpr Failure facts_missing{"facts-missing", "501893ff9d62421abe8414274534af6a", Errc::failed};
inline constexpr Failure imds_unreachable{
        "imds-unreachable", "0412b2b1237d49219bc7b460b206e764", Errc::unreachable};
inline constexpr Failure imds_refused{"imds-refused", "565949801c8d4a65be598eb326609174", Errc::unreachable};
inline constexpr Failure imds_answer{"imds-answer", "0b22457e96f649e2830397ea0f6916dd", Errc::unreachable};
inline constexpr Failure credentials_missing{
        "credentials-missing", "d77fb85361a44b9ea5e83d2a82a86576", Errc::failed};
inline constexpr Failure config_missing{
        "config-missing", "0ee51a1799f14897ba9f4f3f06f64bc5", Errc::bad_config};
inline constexpr Failure config_syntax{
        "config-syntax", "35c401388b194988bdcbd83c103f29f2", Errc::bad_config};
inline constexpr Failure config_invalid{
        "config-invalid", "f6373352a81b474c9fd82dad59911275", Errc::bad_config};
inline constexpr Failure step_missing{"step-missing", "ecfdbd42cfbc472dac1ad9a9ee5d47d1", Errc::bad_config};
inline constexpr Failure runtime_invalid{
        "runtime-invalid", "bdc69752510846ccba1a44fdb8faa09d", Errc::bad_config};
inline constexpr Failure ca_invalid{"ca-invalid", "e70f2639cf334c20b12fca521ce7f04d", Errc::bad_config};
inline constexpr Failure certificate_invalid{
        "certificate-invalid", "d7ffdeb8ee1d49c184946551a2769cf5", Errc::bad_config};
inline constexpr Failure trust_store_failed{
        "trust-store-failed", "3441fc89d78f48dc9792db866ab63627", Errc::failed};
inline constexpr Failure host_unresolved{
        "host-unresolved", "c2858ba8fdcb4a498e78693a8caf2a45", Errc::unreachable};
inline constexpr Failure node_name_invalid{
        "node-name-invalid", "0f1765c43fd341acb4fd3b8b40fcce2e", Errc::failed};
inline constexpr Failure kubelet_missing{
        "kubelet-missing", "c1807ed65e4b410583f69a906d12be2d", Errc::failed};
inline constexpr Failure cgroup_v1{"cgroup-v1", "e6fa45f584fc43888056d64ef1b463dc", Errc::failed};
inline constexpr Failure containerd_missing{
        "containerd-missing", "c718afd7b6424068a264e51fc1966d81", Errc::failed};
inline constexpr Failure credential_provider_missing{
        "credential-provider-missing", "511f6a79699a41ea818ba81fcdb51de6", Errc::failed};
inline constexpr Failure containerd_unreachable{
        "containerd-unreachable", "e704f3296ebb447ba22796157d62bf58", Errc::unreachable};
inline constexpr Failure sandbox_image_missing{
        "sandbox-image-missing", "17f75ea2d09d4233a6f82022c88ba4f5", Errc::failed};
inline constexpr Failure endpoint_unusable{
        "endpoint-unusable", "d7d60d9c1e1546178a7fcd3a7e8cc0ed", Errc::bad_config};
inline constexpr Failure aws_unreachable{
        "aws-unreachable", "05c4b3e168674521bf3ae3ab856837d5", Errc::unreachable};
inline constexpr Failure aws_refused{"aws-refused", "a92c88c6290448cd90bbb151af3a6d48", Errc::failed};
inline constexpr Failure registry_denied{
        "registry-denied", "1761e926d1f3442088789c187061dc84", Errc::unreachable};
inline constexpr Failure aws_throttled{
        "aws-throttled", "a1996470f07d4a489f84c89ff39bca5e", Errc::unreachable};
inline constexpr Failure cluster_denied{
        "cluster-denied", "c7bbc19d4dcc4dd8863a56a4fd75550e", Errc::unreachable};
inline constexpr Failure cluster_not_found{
        "cluster-not-found", "454e9a66586249e1988b7dcbdfc62d27", Errc::bad_config};
inline constexpr Failure cluster_not_ready{
        "cluster-not-ready", "828a237f4d754958948171291f3074bc", Errc::unreachable};
inline constexpr Failure cluster_unusable{
        "cluster-unusable", "f2cfc43b3b3e48aaacb0f511ce563f5e", Errc::failed};
inline constexpr Failure aws_answer{"aws-answer", "c025f885603240d182c5044ee559857d", Errc::unreachable};
inline constexpr Failure image_absent{"image-absent", "7d919ba60e3745d5bdd56030a1585758", Errc::failed};
inline constexpr Failure image_refused{"image-refused", "a39a7571d0f44d18875ce96442c736f7", Errc::failed};
inline constexpr Failure image_pull{"image-pull", "6320b42b16e546b2828099ed0f725b06", Errc::unreachable};
inline constexpr Failure daemon_refused{"daemon-refused", "0bc6d76aeb3047018705156d636a86a5", Errc::failed};
inline constexpr Failure resolver_failed{
        "resolver-failed", "4e1e721e4b4a4c5088995929ad9d9878", Errc::failed};
inline constexpr Failure nvidia_gpu_missing{
        "nvidia-gpu-missing", "43267a5c5fda41aab4aa199892ed9373", Errc::failed};
inline constexpr Failure nvidia_driver_missing{
        "nvidia-driver-missing", "95cbdf57967545f69add2be962ab8ee0", Errc::failed};
inline constexpr Failure nvidia_driver_failed{
        "nvidia-driver-failed", "6d41df09288c4228b39993eb890862d7", Errc::failed};
inline constexpr Failure nvidia_driver_hangs{
        "nvidia-driver-hangs", "7114f2b14e4f45e087d57118d56d4c7a", Errc::failed};
inline constexpr Failure nvidia_clocks_failed{
        "nvidia-clocks-failed", "dd20d90bd89f4317b60b8b26e7b74171", Errc::failed};
inline constexpr Failure nvidia_mig_failed{
        "nvidia-mig-failed", "300c88b77ee640f5b12b1937637c7b76", Errc::failed};
inline constexpr Failure nvidia_mig_invalid{
        "nvidia-mig-invalid", "ff30314fddb44435a14b9a6b0aa0b2c4", Errc::bad_config};
inline constexpr Failure nvidia_cdi_failed{
        "nvidia-cdi-failed", "e44d068fdefe43108b52ade7c6368e68", Errc::failed};
inline constexpr Failure neuron_driver_failed{
        "neuron-driver-failed", "a984d91aff484f37947c5458ec8ee778", Errc::failed};
inline constexpr Failure efa_driver_failed{
        "efa-driver-failed", "14b4947fca5148a6a3939ecc76449b22", Errc::failed};
inline constexpr Failure sysctl_refused{
        "sysctl-refused", "d67b78581b6f499d96e8b07895a1857c", Errc::bad_config};
inline constexpr Failure swap_failed{"swap-failed", "6c130a4cb7b54b198f2c406321c47dc0", Errc::failed};
inline constexpr Failure volume_missing{"volume-missing", "dd01c16fe118427c9d3120b0a88761b1", Errc::failed};
inline constexpr Failure volume_occupied{
        "volume-occupied", "08558284e6e740a2b6ebfcf321a8f239", Errc::failed};
inline constexpr Failure volume_failed{"volume-failed", "5f617b3ee9004f95bc7e48a92592cb79", Errc::failed};
inline constexpr Failure storage_timeout{
        "storage-timeout", "7d233d68720d45b8b9ea21775f9fe3d0", Errc::unreachable};
inline constexpr Failure user_scripts_timeout{
        "user-scripts-timeout", "576ac4e9a83f4f1fbb09dd38b1062d42", Errc::try_again};
inline constexpr Failure user_scripts_refused{
        "user-scripts-refused", "77a67f7c7a354267bd34cabbd57c179e", Errc::bad_config};
inline constexpr Failure call_missing{"call-missing", "a5061d0f816a44ccb87591e6d9bcaaa4", Errc::bad_config};
inline constexpr Failure node_not_started{
        "node-not-started", "9492a96a6cf64ba1b079b791e129e6ea", Errc::failed};
inline constexpr Failure apply_failed{"apply-failed", "efd201ec1a8d48ab952b483326457615", Errc::failed};
inline constexpr Failure apply_needs_stop{
        "apply-needs-stop", "79a6c79a73ef45089de4301a68b5c0a6", Errc::failed};
inline constexpr Failure apply_masked{"apply-masked", "78cbf729701345a1bc6e912cd65421cb", Errc::failed};
inline constexpr Failure apply_busy{"apply-busy", "09fd9988e4fd402ebea0cb564e325b57", Errc::try_again};
inline constexpr Failure manager_unreachable{
        "manager-unreachable", "43c449dec84248e88f147e4d00fe801c", Errc::unreachable};
} // namespace failure

} // namespace eks
