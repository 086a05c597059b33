import PushAuthenticator

/// Every text of the app, by its key in the string catalogue. Texts about what went wrong come from the core.
public enum Words: String, CaseIterable, Sendable {
    case accountsTitle = "accounts.title"
    case accountsEmpty = "accounts.empty"
    case accountScan = "accounts.scan"
    case accountType = "accounts.type"
    case accountRename = "accounts.rename"
    case accountRemove = "accounts.remove"
    case accountEnrolling = "accounts.state.enrolling"
    case accountUnconfirmed = "accounts.state.unconfirmed"
    case accountLocked = "accounts.state.locked"
    case accountReEnrolmentNeeded = "accounts.state.re-enrolment-needed"
    case codeReveal = "code.reveal"
    case codeNext = "code.next"
    case codeHidden = "code.hidden"
    case codeShown = "code.shown"
    case removalTitle = "removal.title"
    case confirmTitle = "confirm.title"
    case confirmIssuer = "confirm.issuer"
    case confirmAccount = "confirm.account"
    case confirmHost = "confirm.host"
    case confirmCodesOnly = "confirm.codes-only"
    case confirmReplaces = "confirm.replaces"
    case confirmNamesake = "confirm.namesake"
    case confirmPolicies = "confirm.policies"
    case confirmAdd = "confirm.add"
    case confirmReplace = "confirm.replace"
    case addedReady = "added.ready"
    case addedQueued = "added.queued"
    case addedUnconfirmed = "added.unconfirmed"
    case addedRefused = "added.refused"
    case entryTitle = "entry.title"
    case entrySecret = "entry.secret"
    case entryCounts = "entry.counts"
    case scanTitle = "scan.title"
    case scanNoCamera = "scan.no-camera"
    case requestTitle = "request.title"
    case requestWhileLocked = "request.while-locked"
    case requestRefused = "request.refused"
    case requestNumbers = "request.numbers"
    case requestNumber = "request.number"
    case requestAccept = "request.accept"
    case requestBiometric = "request.biometric"
    case requestDeny = "request.deny"
    case requestFrom = "request.from"
    case requestEnds = "request.ends"
    case requestConcealed = "request.concealed"
    case requestCannotApprove = "request.cannot-approve"
    case resultApproved = "result.approved"
    case resultDenied = "result.denied"
    case resultRefused = "result.refused"
    case resultUnknown = "result.unknown"
    case resultQueued = "result.queued"
    case resultExpired = "result.expired"
    case resultWithdrawn = "result.withdrawn"
    case resultAnswering = "result.answering"
    case resultPending = "result.pending"
    case resultBiometricChanged = "result.biometric-changed"
    case biometricUnavailable = "biometric.unavailable"
    case historyTitle = "history.title"
    case historyEmpty = "history.empty"
    case historyMore = "history.more"
    case settingsTitle = "settings.title"
    case settingsAppLock = "settings.app-lock"
    case settingsHistory = "settings.history"
    case settingsHistoryAll = "settings.history.all"
    case settingsHistoryCount = "settings.history.count"
    case settingsSend = "settings.send"
    case settingsWaiting = "settings.waiting"
    case settingsEvents = "settings.events"
    case lockTitle = "lock.title"
    case lockUnlock = "lock.unlock"
    case lockReason = "lock.reason"
    case waitingForUnlock = "start.waiting-for-unlock"
    case retry = "action.retry"
    case cancel = "action.cancel"
    case done = "action.done"

    /// The word for where a settled request ended.
    public init(_ state: NotificationState) {
        switch state {
        case .approved: self = .resultApproved
        case .denied: self = .resultDenied
        case .expired: self = .resultExpired
        case .failed: self = .resultRefused
        case .outcomeUnknown: self = .resultUnknown
        case .withdrawn: self = .resultWithdrawn
        case .answering: self = .resultAnswering
        case .pending: self = .resultPending
        }
    }
}
