package auth

// HashesAtOnce is how many slow hashes may run at once.
func (s *Service) HashesAtOnce() int { return cap(s.cores) }
