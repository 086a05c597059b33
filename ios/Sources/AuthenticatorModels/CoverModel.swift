import Observation
import PushAuthenticator

/// What covers the list of accounts: one thing at a time, and nothing while the app is locked. A sign-on request takes
/// precedence over the camera, but does not interrupt typing or confirming.
@MainActor @Observable
public final class CoverModel {
    public enum Cover: Hashable, Identifiable, Sendable {
        case request, scanner, entry, enrolment
        case renaming(Account)

        public var id: Self { self }
    }

    private let app: AppModel
    private let accounts: AccountsModel
    private let requests: RequestsModel
    private let enrolment: EnrolmentModel
    /// What the user opened.
    private var opened: Cover?
    /// The sign-on request that the user is denying and has to give a reason for.
    private var reasonAskedOf: String?

    public init(app: AppModel, accounts: AccountsModel, requests: RequestsModel, enrolment: EnrolmentModel) {
        self.app = app
        self.accounts = accounts
        self.requests = requests
        self.enrolment = enrolment
    }

    public var cover: Cover? {
        if app.isLocked { return nil }
        switch opened {
        case .entry, .renaming: return opened
        default: break
        }
        if enrolment.state != .waiting { return .enrolment }
        return requests.shown == nil ? opened : .request
    }

    /// Whether the user is asked to confirm the removal of an account.
    public var isRemovalAsked: Bool { accounts.removal != nil && !app.isLocked }

    public func scan() { opened = .scanner }
    public func type() { opened = .entry }
    public func rename(_ account: Account) { opened = .renaming(account) }

    /// The user closed a cover. A cover that has replaced it meanwhile stays, and so does anything hidden by the app
    /// lock.
    public func close(_ closed: Cover?) {
        guard let closed, closed == cover else { return }
        switch closed {
        // The user should see the result.
        case .request: if !isAnswering { requests.dismiss() }
        case .enrolment: enrolment.cancel()
        case .scanner, .entry, .renaming: opened = nil
        }
    }

    /// The user confirmed or cancelled the removal.
    public func decideRemoval(_ isConfirmed: Bool) async {
        guard isRemovalAsked else { return }
        await accounts.decideRemoval(isConfirmed)
    }

    /// Handles a QR code that the camera saw.
    public func read(_ code: String) async {
        opened = nil
        await enrolment.read(code)
    }

    /// Handles an account that the user entered.
    ///
    /// - Returns: what is wrong with it, so that the user can correct it in the form
    public func read(_ entry: ManualEntry) async -> Failure? {
        // Something else may be open beneath this, such as a registration URI that is being confirmed.
        enrolment.cancel()
        let failure = await enrolment.read(entry)
        if opened != .entry {
            // The form was closed in the meantime.
            if failure == nil { enrolment.cancel() }
        } else if failure == nil {
            opened = nil
        }
        return failure
    }

    private var isAnswering: Bool { requests.shown?.state == .answering }

    /// What the app was opened with.
    public struct Opening: Equatable, Sendable {
        var code: String?
        var request: String?
    }

    /// What the app was opened with and can be shown now. A registration URI waits until the user has decided about the
    /// previous one, and nothing replaces a sign-on request that is being answered. Anything that must wait stays until
    /// it can be shown.
    public var opening: Opening? {
        guard !app.isLocked, !isAnswering else { return nil }
        let mayRead = enrolment.canRead && [nil, .scanner].contains(opened)
        let opening = Opening(code: mayRead ? app.openedCode : nil, request: app.openedRequest)
        return opening == Opening() ? nil : opening
    }

    /// Shows what the app was opened with. Must be called whenever ``opening`` changes.
    public func takeOpening() async {
        guard let opening else { return }
        if opening.code != nil, let code = app.takeOpenedCode() { await read(code) }
        if opening.request != nil, !isAnswering, let id = app.takeOpenedRequest() { await show(requestId: id) }
    }

    /// Whether the user is asked for the reason of a denial; false while the app is locked.
    public var isReasonAsked: Bool { cover == .request && reasonAskedOf != nil && reasonAskedOf == requests.shown?.id }

    /// The user denies the visible sign-on request, whose server accepts a reason.
    public func askReason() { reasonAskedOf = requests.shown?.id }

    /// The question was closed, with or without an answer. It stays open if the app lock hides it.
    public func closeReason() { if isReasonAsked { reasonAskedOf = nil } }

    /// Denies the visible sign-on request for the reason that the user chose.
    public func deny(_ reason: DenyReason) async {
        guard cover == .request else { return }
        reasonAskedOf = nil
        await requests.shown?.deny(reason)
    }

    /// Shows the sign-on request whose notification the user tapped, ahead of everything else.
    public func show(requestId: String) async {
        opened = nil
        enrolment.cancel()
        await requests.show(id: requestId)
    }
}
