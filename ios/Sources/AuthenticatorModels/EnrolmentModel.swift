import Observation
import PushAuthenticator

/// Adding an account: from a registration URI that was scanned or opened, or by manual entry. Nothing is stored, and
/// nobody is contacted, before the user confirms what was read.
@MainActor @Observable
public final class EnrolmentModel {
    public enum State: Equatable, Sendable {
        case waiting
        case reading
        /// What would be added, to be confirmed. Its conflict names the account that would be replaced.
        case confirming(EnrolmentPreview)
        case adding
        case added(Added)
        case failed(Failure)
    }

    public enum Added: Equatable, Sendable {
        case ready(Account)
        /// The account is stored; the server is told once it can be reached.
        case queued(Account)
        /// The first message will show whether the server knows this phone.
        case unconfirmed(Account)
        /// The server rejected the registration, and the account was removed.
        case refused(String?)
    }

    private enum Source {
        case code(String)
        case entry(ManualEntry)
    }

    /// The schemes of registration URIs, as the app's property list declares them.
    public nonisolated static let schemes = ["pushauth", "mfauth", "otpauth"]

    public private(set) var state: State = .waiting
    /// The account's own key could not be used for the registration; the user may try again.
    public private(set) var isKeyUnavailable = false
    private let services: Services
    private var source: Source?
    /// Counts what was read, so that a cancelled read cannot come back.
    private var reading = 0

    public init(_ services: Services) { self.services = services }

    /// Returns whether an address that the app was opened with is a registration URI.
    public nonisolated static func isRegistrationCode(_ address: String) -> Bool {
        schemes.contains { address.lowercased().hasPrefix($0 + "://") }
    }

    /// Reads a registration URI that was scanned, pasted, or opened, and shows what is to be confirmed.
    public func read(_ code: String) async {
        await read(.code(code)) { try $0.preview(code: code) }
    }

    /// Reads an account that the user entered. Returns what is wrong with it, for the form.
    public func read(_ entry: ManualEntry) async -> Failure? {
        await read(.entry(entry)) { try $0.previewEntry(entry: entry) }
        guard case .failed(let failure) = state else { return nil }
        state = .waiting
        return failure
    }

    /// Whether a registration URI can be read now; false while the user is looking at another one.
    public var canRead: Bool {
        switch state {
        case .reading, .confirming, .adding: false
        case .waiting, .added, .failed: true
        }
    }

    /// Adds what the user confirmed. An existing account is replaced; the screen must have said so.
    public func confirm() async {
        guard case .confirming(let preview) = state, let source else { return }
        (state, isKeyUnavailable) = (.adding, false)
        do {
            state = try await services.background.run { try await add(source, preview) }
        } catch let failure as BiometricFailure {
            // Nothing was added, and trying again loses nothing.
            (state, isKeyUnavailable) = (.confirming(preview), failure != .cancelled)
            return
        } catch {
            state = .failed(Failure(error))
        }
        // The source contains a secret.
        self.source = nil
    }

    private func add(_ source: Source, _ preview: EnrolmentPreview) async throws -> State {
        switch source {
        case .code(let code): return Self.shown(try await services.enrol(code, preview))
        case .entry(let entry):
            let enrolment = services.enrolment(replace: preview.conflict != nil)
            return .added(.ready(try await services.phone.call { try $0.enrolEntry(entry: entry, enrolment: enrolment) }))
        }
    }

    public func cancel() {
        guard state != .adding else { return }
        reading += 1
        (state, source, isKeyUnavailable) = (.waiting, nil, false)
    }

    private func read(_ source: Source, _ preview: @escaping @Sendable (Authenticator) throws -> EnrolmentPreview) async {
        // Another registration URI must not replace the one that the user is looking at.
        guard canRead else { return }
        state = .reading
        reading += 1
        let own = reading
        let read: State
        do {
            read = .confirming(try await services.phone.call(preview))
        } catch {
            read = .failed(Failure(error))
        }
        guard own == reading, state == .reading else { return }
        (state, self.source) = (read, source)
    }

    private static func shown(_ enrolled: Enrolled) -> State {
        switch enrolled {
        case .ready(let account): .added(.ready(account))
        case .queued(let account): .added(.queued(account))
        case .unconfirmed(let account): .added(.unconfirmed(account))
        case .refused(_, let message): .added(.refused(message))
        case .rejected(let reason): .failed(Failure(reason))
        }
    }
}
