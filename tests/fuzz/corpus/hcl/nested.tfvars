a = <<-EOT
  ${join(",", [1, "}"])} $${x}
  EOT
/* b */ rancher_token = null
c = { d = [ (1) ] } // e
