rancher_url = "https://h"
rancher_token = "token-a:b" # c
