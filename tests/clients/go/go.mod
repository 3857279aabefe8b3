module permissions

go 1.19
