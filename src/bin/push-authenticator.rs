//! The command line. Everything is in [`push_authenticator::cli`].

fn main() -> std::process::ExitCode {
    push_authenticator::cli::run(std::env::args_os())
}
