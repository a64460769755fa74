export API_RETRY_ATTEMPTS=5 KUBELET_EXTRA_ARGS="-v 3"; USE_MAX_PODS=true \
sudo -E bash -x /etc/eks/bootstrap.sh --apiserver-endpoint=https://a --b64-cluster-ca QQ== --cluster-id 1234 \
  --container-runtime containerd --containerd-config-file /c.toml --dns-cluster-ip fd00::a,10.0.0.1 --docker-config-json '{"a": "b"}' \
  --enable-docker-bridge true --enable-local-outpost true --ip-family IPv6 --local-disks raid0 --mount-bpf-fs false \
  --pause-container-account 1 --pause-container-version 3.5 --service-ipv4-cidr 10.0.0.0/8 --service-ipv6-cidr fd00::/108 c
