/etc/eks/bootstrap.sh 'ÿ' þ --cluster-id 
