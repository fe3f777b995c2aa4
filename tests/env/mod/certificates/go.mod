module rk3k.test/certificates

go 1.24.0
