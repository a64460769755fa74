/etc/eks/bootstrap.sh a || /etc/eks/bootstrap.sh b
