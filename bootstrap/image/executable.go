package image

import (
	"debug/elf"
	"errors"
	"fmt"
	"io"
	"os"
)

// Fits returns nil if the executable at path starts on an empty base on linux and
// arch: an ELF file for that machine that needs no loader. The error says why it
// does not, as the end of a sentence that begins with "it".
func Fits(path, arch string) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	return fitsFile(file, arch)
}

// machines are the processors of nodes, by GOARCH.
var machines = map[string]elf.Machine{
	"amd64": elf.EM_X86_64, "arm64": elf.EM_AARCH64, "arm": elf.EM_ARM, "386": elf.EM_386,
	"ppc64le": elf.EM_PPC64, "s390x": elf.EM_S390, "riscv64": elf.EM_RISCV,
}

// nameOf returns a processor as GOARCH has it, else as ELF does.
func nameOf(machine elf.Machine) string {
	for arch, m := range machines {
		if m == machine {
			return arch
		}
	}
	return machine.String()
}

func fitsFile(r io.ReaderAt, arch string) error {
	machine, known := machines[arch]
	if !known {
		return fmt.Errorf("cannot be built for nodes of architecture %q", arch)
	}
	f, err := elf.NewFile(r)
	if err != nil {
		return errors.New("is not an executable for linux")
	}
	switch {
	case f.OSABI != elf.ELFOSABI_NONE && f.OSABI != elf.ELFOSABI_LINUX:
		return errors.New("is not an executable for linux")
	case f.Machine != machine:
		return fmt.Errorf("is for another processor (%s)", nameOf(f.Machine))
	case f.Type != elf.ET_EXEC && f.Type != elf.ET_DYN:
		return errors.New("is not an executable")
	}
	for _, p := range f.Progs {
		if p.Type == elf.PT_INTERP {
			return errors.New("is linked dynamically")
		}
	}
	return nil
}
