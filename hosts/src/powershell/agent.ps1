# All that runs on a host: cmdlets asked for as JSON, one request a line, one answer a line.
Set-StrictMode -Version 2.0
$global:ConfirmPreference = 'None'
$global:WarningPreference = 'SilentlyContinue'
$modules = Import-Module -Name Hyper-V, Storage -PassThru
$allowed = -split 'Add-VMDvdDrive Add-VMHardDiskDrive Add-VMNetworkAdapter Checkpoint-VM Connect-VMNetworkAdapter Convert-VHD Copy-Item Disconnect-VMNetworkAdapter Dismount-VHD Export-VM Get-ChildItem Get-Command Get-FileHash Get-Job Get-VHD Get-VM Get-VMDvdDrive Get-VMFirmware Get-VMHardDiskDrive Get-VMHost Get-VMNetworkAdapter Get-VMNetworkAdapterVlan Get-VMSnapshot Get-VMSwitch Get-Volume Move-Item New-Item New-VHD New-VM Receive-Job Remove-Item Remove-Job Remove-VM Remove-VMDvdDrive Remove-VMHardDiskDrive Remove-VMNetworkAdapter Remove-VMSavedState Remove-VMSnapshot Resize-VHD Restore-VMSnapshot Resume-VM Set-VHD Set-VM Set-VMDvdDrive Set-VMFirmware Set-VMMemory Set-VMNetworkAdapter Set-VMNetworkAdapterVlan Set-VMProcessor Start-VM Stop-Job Stop-VM Test-Path Write-VolumeCache'
function Json($v) {
	if ($null -eq $v) { return 'null' }
	if ($v -is [bool]) { return "$v".ToLower() }
	if ($v -is [ValueType] -and "$v" -match '^-?\d+$') { return "$v" }
	if ($v -is [hashtable]) { return '{' + (@(foreach ($k in $v.Keys) { (Json $k) + ':' + (Json $v[$k]) }) -join ',') + '}' }
	if ($v -is [datetime]) { $v = $v.ToUniversalTime().ToString('o') }
	if ($v -isnot [string] -and $v -is [Collections.IEnumerable]) { return '[' + (@(foreach ($x in $v) { Json $x }) -join ',') + ']' }
	'"' + [regex]::Replace("$v", '[^ !#-\[\]-~]', { param($c) '\u{0:x4}' -f [int][char]$c.Value }) + '"'
}
function Say($v) { [Console]::Out.Write("`n" + (Json $v) + "`n"); [Console]::Out.Flush() }
function Prop($v, $p) { if ($p -eq '.') { , $v } else { , $v.$p } }
function Folder($path) { [void][IO.Directory]::CreateDirectory([IO.Path]::GetDirectoryName($path)) }
function Hold($l) {
	Folder $l.path
	$i = [int]($l.share -ne 'alone')
	try {
		$f = [IO.FileStream]::new($l.path, 'OpenOrCreate', 'ReadWrite', @('None', 'ReadWrite')[$i], 1)
		[void]$held.Add($f)
		$f.Lock(0, 39)
	}
	catch {
		if (@(-2147024864, -2147024863) -contains $_.Exception.GetBaseException().HResult) { throw ('drover.busy ' + $l.path) }
		throw
	}
	$b = [byte[]]::new(39)
	$seen = [long[]](0, 0)
	if ($f.Read($b, 0, 39)) { $seen = [long[]](-split [Text.Encoding]::ASCII.GetString($b)) }
	$high = [Math]::Max($seen[0], $seen[1] * (1 - $i))
	if ($high -gt $l.fence) { throw ('drover.fenced ' + $high + ' ' + $l.path) }
	if ($seen[$i] -lt $l.fence) {
		$seen[$i] = $l.fence
		$f.Position = 0
		$f.Write([Text.Encoding]::ASCII.GetBytes(('{0:d19} {1:d19}' -f $seen[0], $seen[1])), 0, 39)
		$f.Flush($true)
	}
	$f.Unlock(0, 39)
}
function Put($path, $bytes) {
	Folder $path
	$acl = [Security.AccessControl.FileSecurity]::new()
	$acl.SetSecurityDescriptorSddlForm('D:P(A;;FA;;;SY)(A;;FA;;;BA)(A;;FA;;;OW)')
	[IO.File]::Delete("$path.part")
	$f = [IO.File]::Create("$path.part", 4096, 'None', $acl)
	[void]$held.Add($f)
	$f.Write($bytes, 0, $bytes.Length)
	$f.Flush($true)
	$f.Dispose()
	[IO.File]::Delete($path)
	[IO.File]::Move("$path.part", $path)
}
Say @{ id = 0; ok = $true; rows = @(@{
		Version = "$($PSVersionTable.PSVersion)"; OS = [Environment]::OSVersion.VersionString; Culture = [cultureinfo]::CurrentCulture.Name
		Now = [datetime]::UtcNow; Modules = @(foreach ($m in $modules) { $m.Name + ' ' + $m.Version })
	}) }
while ($null -ne ($line = [Console]::In.ReadLine())) {
	$id = 0
	$held = [Collections.ArrayList]@()
	try {
		$r = ConvertFrom-Json -InputObject $line
		$id = $r.id
		$puts = @(foreach ($s in $r.steps) { if ($s.do -eq 'put') { [Console]::In.ReadLine() } })
		if ($r.PSObject.Properties['fences']) { foreach ($l in $r.fences) { Hold $l } }
		$o = @()
		$n = 0
		foreach ($s in $r.steps) {
			if ($s.do -eq 'call') {
				if ($allowed -notcontains $s.cmd) { throw ('drover.refused ' + $s.cmd) }
				$h = @{}
				foreach ($a in $s.args.PSObject.Properties) { $h[$a.Name] = $a.Value }
				if (-not $n) { $o = @(& $s.cmd @h) } elseif ($o.Count) { $o = @($o | & $s.cmd @h) }
			}
			elseif ($s.do -eq 'where') { $o = @(foreach ($v in $o) { if ("$(Prop $v $s.prop)" -eq $s.is) { $v } }) }
			elseif ($s.do -eq 'put') { Put $s.path ([Convert]::FromBase64String($puts[$n])) }
			elseif ($s.do -ne 'get') { throw ('drover.refused ' + $s.do) }
			elseif ([IO.File]::Exists($s.path)) { $o = @([pscustomobject]@{ Base64 = [Convert]::ToBase64String([IO.File]::ReadAllBytes($s.path)) }) }
			$n++
		}
		$rows = @(foreach ($v in $o) { $h = @{}; foreach ($p in $r.props) { $h[$p] = Prop $v $p }; $h })
		$reply = @{ id = $id; ok = $true; rows = $rows }
	}
	catch {
		$e = $_.Exception
		$reply = @{ id = $id; ok = $false; error = $_.FullyQualifiedErrorId; category = $_.CategoryInfo.Category; type = $e.GetType().FullName; text = $e.Message }
	}
	finally { foreach ($f in $held) { $f.Dispose() } }
	Say $reply
}
